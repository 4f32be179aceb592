// Registry: the published DeiTs at 224 pixels by the names that timm gives them, with their sizes.

import { type DeitConfig, IMAGENET_MEAN, IMAGENET_STD } from "../config.js";

/** Table 1 of arXiv 2012.12877: name → width and heads; the head dimension is always 64. */
const SIZES: readonly [size: string, dim: number, heads: number][] = [
  ["tiny", 192, 3],
  ["small", 384, 6],
  ["base", 768, 12],
];

function publishedModel(dim: number, heads: number, distilled: boolean): DeitConfig {
  return {
    imageSize: 224,
    patchSize: 16,
    dim,
    depth: 12,
    heads,
    mlpDim: 4 * dim,
    classes: 1000,
    distilled,
    layerNormEpsilon: 1e-6,
    mean: [...IMAGENET_MEAN],
    std: [...IMAGENET_STD],
    cropRatio: 0.875,
  };
}

function publishedModels(): Map<string, DeitConfig> {
  const models = new Map<string, DeitConfig>();
  for (const distilled of [false, true]) {
    for (const [size, dim, heads] of SIZES) {
      const name = `deit_${size}${distilled ? "_distilled" : ""}_patch16_224`;
      models.set(name, publishedModel(dim, heads, distilled));
    }
  }
  return models;
}

const MODELS: ReadonlyMap<string, DeitConfig> = publishedModels();

/** timm names of every published model that can be built, plain ones first. */
export const MODEL_NAMES: readonly string[] = [...MODELS.keys()];

/** Sizes of a published model, the caller's to change; undefined where the name is none of `MODEL_NAMES`. */
export function publishedConfig(name: string): DeitConfig | undefined {
  const config = MODELS.get(name);
  return config && structuredClone(config);
}

/**
 * The published name that a file name begins with or contains, as in `deit_tiny_patch16_224-a1311bcf.pth`.
 * Undefined where there is none.
 */
export function publishedNameIn(text: string): string | undefined {
  return MODEL_NAMES.find((name) => text.includes(name));
}
