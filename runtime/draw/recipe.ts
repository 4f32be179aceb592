// Recipe: the numbers that say how samples are augmented and mixed. Defaults are those of DeiT's main.py.

export type MixMode = "batch" | "pair" | "elem";
export type EraseMode = "pixel" | "random" | "const";
export type Interpolation = "bicubic" | "bilinear";

export interface AugmentationRecipe {
  /** Side of the square output in pixels. */
  size: number;
  /** Bounds of the crop's share of the image's area. timm RandomResizedCropAndInterpolation. */
  scale: [number, number];
  /** Bounds of the crop's aspect ratio width / height. */
  ratio: [number, number];
  /** Probability of a horizontal flip. */
  flip: number;
  /** How the crop is resized and the operations interpolate; `random`: one of the two, drawn each time. */
  interpolation: Interpolation | "random";
  /** timm's auto-augment string (`rand-m9-mstd0.5-inc1`, `original`, `v0`, …), `3a` for DeiT III's, null for none. */
  autoAugment: string | null;
  /** Brightness, contrast and color vary by up to this share, 0 = off. Of no effect beside RandAugment and AutoAugment. */
  colorJitter: number;
  /** Random erasing, applied after everything else to the sample. */
  eraseProbability: number;
  eraseMode: EraseMode;
  /** Most rectangles in a sample; how many, from 1 on, is drawn. */
  eraseCount: number;
  /** Beta parameter of Mixup, 0 = off. */
  mixup: number;
  /** Beta parameter of CutMix, 0 = off. */
  cutmix: number;
  /** Bounds of a CutMix box's sides as shares of the image's, or null for the λ rule. */
  cutmixMinmax: [number, number] | null;
  /** Probability that a batch (or pair, or sample) is mixed at all. */
  mixProbability: number;
  /** Probability of CutMix where both are on. */
  mixSwitchProbability: number;
  mixMode: MixMode;
  /** Repeated augmentation: how often each image stands in an epoch, 1 = off. */
  repeats: number;
}

/** main.py's defaults on one machine, where its repeated augmentation is off. */
export const DEIT_RECIPE: AugmentationRecipe = {
  size: 224,
  scale: [0.08, 1],
  ratio: [3 / 4, 4 / 3],
  flip: 0.5,
  interpolation: "bicubic",
  autoAugment: "rand-m9-mstd0.5-inc1",
  colorJitter: 0.3,
  eraseProbability: 0.25,
  eraseMode: "pixel",
  eraseCount: 1,
  mixup: 0.8,
  cutmix: 1,
  cutmixMinmax: null,
  mixProbability: 1,
  mixSwitchProbability: 0.5,
  mixMode: "batch",
  repeats: 1,
};
