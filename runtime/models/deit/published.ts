// Published vision transformers: the sizes of DeiT, DeiT III and augreg's ViT under timm's names.

import { completeConfig, type DeitConfig } from "./config.js";

interface Size {
  name: string;
  dim: number;
  depth: number;
  heads: number;
  patch: number;
}

const size = (name: string, dim: number, depth: number, heads: number, patch = 16): Size => ({
  name,
  dim,
  depth,
  heads,
  patch,
});

/** Table 1 of arXiv 2012.12877. */
const DEIT_SIZES = [size("tiny", 192, 12, 3), size("small", 384, 12, 6), size("base", 768, 12, 12)];

/** Table 1 of arXiv 2204.07118, and models_v2.py of deit. */
const DEIT3_SIZES = [
  ...[size("small", 384, 12, 6), size("medium", 512, 12, 8), size("base", 768, 12, 12)],
  ...[size("large", 1024, 24, 16), size("huge", 1280, 32, 16, 14)],
];

/** arXiv 2106.10270: the sizes whose weights were published for 1,000 classes. */
const VIT_SIZES = [
  ...[size("tiny", 192, 12, 3), size("small", 384, 12, 6), size("small", 384, 12, 6, 32)],
  ...[size("base", 768, 12, 12), size("base", 768, 12, 12, 32), size("base", 768, 12, 12, 8)],
  size("large", 1024, 24, 16),
];

const IMAGE_SIZES = [224, 384];

function published(
  { name, dim, depth, heads, patch }: Size,
  imageSize: number,
  prefix: string,
  rest: Partial<DeitConfig> = {},
): [string, DeitConfig] {
  const full = `${prefix}_${name}${rest.distilled ? "_distilled" : ""}_patch${patch}_${imageSize}`;
  const sizes = { imageSize, patchSize: patch, dim, depth, heads, classes: 1000, ...rest };
  return [full, completeConfig(sizes, full)];
}

/** models_v2.py: LayerScale from 1e-4, positions on the patches alone; evaluated without a crop. */
const DEIT3 = { layerScale: 1e-4, prefixPositions: false, cropRatio: 1 } as const;

/** Inception's normalization, as the TensorFlow models were trained; timm crops less at 384. */
function vitInput(imageSize: number): Partial<DeitConfig> {
  const half: [number, number, number] = [0.5, 0.5, 0.5];
  return { mean: half, std: half, cropRatio: imageSize === 384 ? 1 : 0.9 };
}

const MODELS: ReadonlyMap<string, DeitConfig> = new Map([
  ...IMAGE_SIZES.flatMap((imageSize) =>
    [false, true].flatMap((distilled) =>
      DEIT_SIZES.map((each) => published(each, imageSize, "deit", { distilled })),
    ),
  ),
  // The paper has no huge model at 384, and timm no medium one.
  ...IMAGE_SIZES.flatMap((imageSize) =>
    DEIT3_SIZES.filter(({ name }) => imageSize === 224 || (name !== "huge" && name !== "medium")).map(
      (each) => published(each, imageSize, "deit3", DEIT3),
    ),
  ),
  ...IMAGE_SIZES.flatMap((imageSize) =>
    VIT_SIZES.filter(({ patch }) => imageSize === 224 || patch !== 8).map((each) =>
      published(each, imageSize, "vit", vitInput(imageSize)),
    ),
  ),
]);

/** timm's names of the published vision transformers, those of DeiT at 224 pixels first. */
export const DEIT_NAMES: readonly string[] = [...MODELS.keys()];

/** The configuration of a published model, the caller's to change; undefined where the name is not in `DEIT_NAMES`. */
export function publishedDeit(name: string): DeitConfig | undefined {
  const config = MODELS.get(name);
  return config && structuredClone(config);
}

/** facebook's names of its files: deit_3_base_384_21k.pth. */
const FACEBOOK_DEIT3 = /deit_3_([a-z]+)_(\d+)(?:_|\b)/;

/** Weights that were trained with ImageNet's normalization although the architecture is ViT's. */
const IMAGENET_NORMALIZED = /\.(dino|mae|fb_|deit)/;

/** The part of a configuration that a name implies: a published name in it, but the number of classes. */
export function sizesOfName(text: string): Partial<DeitConfig> {
  const [, size, side] = FACEBOOK_DEIT3.exec(text) ?? [];
  const plain = size ? `deit3_${size}_patch${size === "huge" ? 14 : 16}_${side}` : text;
  const name = DEIT_NAMES.find((entry) => plain.includes(entry));
  // The number of classes is the file's own.
  const { classes: _, ...sizes } = (name && publishedDeit(name)) || {};
  if (!name?.startsWith("vit_") || !IMAGENET_NORMALIZED.test(text)) return sizes;
  const { mean: _mean, std: _std, ...architecture } = sizes as DeitConfig;
  return architecture;
}
