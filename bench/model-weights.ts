// Model weights for a bench: any values of the right size, the same in every run. Speed does not depend on them.

import type { DeitConfig } from "../runtime/models/config.js";
import { deitParameters } from "../runtime/models/deit-parameters.js";
import { publishedConfig } from "../runtime/models/registry.js";
import type { TensorMap } from "../runtime/training.js";

/** Spread over ±width/2 without a random generator: multiples of the golden ratio, folded. */
function spread(count: number, width: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => width * (((i * 0.618_033_988_75) % 1) - 0.5));
}

export function benchWeights(config: DeitConfig): TensorMap {
  const entries = [...deitParameters(config)].map(([name, shape]) => {
    const count = shape.reduce((a, b) => a * b, 1);
    const isScale = name.includes("norm") && name.endsWith("weight");
    const data = isScale ? new Float32Array(count).fill(1) : spread(count, 0.07);
    return [name, { shape, data }] as const;
  });
  return new Map(entries);
}

export function benchPixels(config: DeitConfig, batch: number): Uint8Array {
  return Uint8Array.from({ length: batch * config.imageSize ** 2 * 3 }, (_, i) => (i * 7919) % 256);
}

/** The small model of `npm start`: width 96, 66 tokens. */
const SHAPES_MODEL = {
  imageSize: 64,
  patchSize: 8,
  dim: 96,
  depth: 4,
  heads: 3,
  mlpDim: 384,
  classes: 10,
  distilled: true,
};

/** DeiT-Tiny and the small model. */
export function benchConfigs(): Record<string, DeitConfig> {
  const tiny = publishedConfig("deit_tiny_patch16_224");
  if (!tiny) throw new Error("deit_tiny_patch16_224 is not in the registry");
  return { "DeiT-Tiny at 224": tiny, "shapes model at 64": { ...tiny, ...SHAPES_MODEL } };
}

/** Multiply-adds of a forward pass of one image, in linear layers and attention. */
export function forwardMultiplyAdds(config: DeitConfig): number {
  const patches = (config.imageSize / config.patchSize) ** 2;
  const heads = config.distilled ? 2 : 1;
  const tokens = patches + heads;
  const { dim, mlpDim, classes, depth, patchSize } = config;
  const block = tokens * dim * (4 * dim + 2 * mlpDim) + 2 * tokens * tokens * dim;
  return depth * block + patches * dim * 3 * patchSize ** 2 + heads * classes * dim;
}
