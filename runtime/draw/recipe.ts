// Recipe: the settings that determine how samples are augmented and mixed. Defaults are those of DeiT's main.py.

/** Which samples of a batch have a mix in common: all, the two of a pair, or none. */
export type MixMode = "batch" | "pair" | "elem";
/** Fill of an erased rectangle: noise per value, one random color, or the mean color. */
export type EraseMode = "pixel" | "random" | "const";
/** How pixels are interpolated, in Pillow's names. */
export type Interpolation = "bicubic" | "bilinear";

/** Settings of augmentation and mixing. Every probability and fraction is 0 to 1. */
export interface AugmentationRecipe {
  /** Side of the square output in pixels. */
  size: number;
  /** DeiT III's simple random crop, in place of the random resized crop that `scale` and `ratio` describe. */
  simpleCrop: boolean;
  /** Bounds of the crop's area as a fraction of the image's. timm RandomResizedCropAndInterpolation. */
  scale: [number, number];
  /** Bounds of the crop's aspect ratio width / height. */
  ratio: [number, number];
  /** Probability of a horizontal flip. */
  flip: number;
  /** Interpolation of the resize and of the operations; `random`: one of the two, drawn each time. */
  interpolation: Interpolation | "random";
  /** timm's auto-augment string (`rand-m9-mstd0.5-inc1`, `original`, `v0`, …), `3a` for DeiT III's, null for none. */
  autoAugment: string | null;
  /** Largest relative change of brightness, contrast and color, 0 = off. Ignored with RandAugment and AutoAugment. */
  colorJitter: number;
  /** Probability of random erasing, which comes last. */
  eraseProbability: number;
  eraseMode: EraseMode;
  /** Largest number of rectangles in a sample; the number is drawn from 1 on. */
  eraseCount: number;
  /** Beta parameter of Mixup, 0 = off. */
  mixup: number;
  /** Beta parameter of CutMix, 0 = off. */
  cutmix: number;
  /** Bounds of a CutMix box's sides as fractions of the image's, or null: sides √(1 − λ). */
  cutmixMinmax: [number, number] | null;
  /** Probability that a batch (or pair, or sample) is mixed at all. */
  mixProbability: number;
  /** Probability of CutMix if both are on. */
  mixSwitchProbability: number;
  mixMode: MixMode;
  /** From this epoch on, counted from 0, nothing is mixed; 0 = never. timm's --mixup-off-epoch. */
  mixOffEpoch: number;
  /** Repeated augmentation: occurrences of each image in an epoch, 1 = off. */
  repeats: number;
  /**
   * Images among which an epoch is shuffled, 0 = all: it reads windows of this many, each of 256 runs of consecutive
   * images, which a shard on a slow drive or behind a network is read by.
   */
  shuffleWindow: number;
}

/** main.py's defaults on one machine, where its repeated augmentation is off. */
export const DEIT_RECIPE: AugmentationRecipe = {
  size: 224,
  simpleCrop: false,
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
  mixOffEpoch: 0,
  repeats: 1,
  shuffleWindow: 0,
};
