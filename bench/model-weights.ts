// Model weights for benches: random values, the same in every run, scaled so that tokens and logits have ordinary sizes.

import type { DeitConfig } from "../runtime/models/deit/config.js";
import { deitParameters } from "../runtime/models/deit/parameters.js";
import { DEIT_NAMES, publishedDeit } from "../runtime/models/deit/published.js";
import type { TensorMap } from "../runtime/weights/tensor-map.js";

/** Uniform numbers in [0, 1): mulberry32, which is good enough to fill tensors. */
function uniforms(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Weights are uniform within ±GAIN/√inputs, so that a layer roughly keeps the size of its input. */
const GAIN = 1.2;
const SMALL = 0.05;

export function benchWeights(config: DeitConfig): TensorMap {
  const entries = [...deitParameters(config)].map(([name, shape], seed) => {
    const count = shape.reduce((a, b) => a * b, 1);
    const next = uniforms(seed);
    const isNorm = /norm\d?\.weight$/.test(name);
    const isMatrix = shape.length !== 1 && name.endsWith(".weight");
    const width = isMatrix ? GAIN / Math.sqrt(count / shape[0]) : SMALL;
    const center = isNorm ? 1 : 0;
    const data = Float32Array.from({ length: count }, () => center + width * (2 * next() - 1));
    return [name, { shape, data }] as const;
  });
  return new Map(entries);
}

/** uint8 [batch, size, size, 3]. */
export function benchPixels(config: DeitConfig, batch: number): Uint8Array {
  const next = uniforms(224);
  return Uint8Array.from({ length: batch * config.imageSize ** 2 * 3 }, () => 256 * next());
}

/** Configuration of a published model. Throws where the name is unknown. */
export function benchConfig(name: string): DeitConfig {
  const config = publishedDeit(name);
  if (!config) throw new Error(`bench: no model "${name}"; allowed: ${DEIT_NAMES.join(", ")} (--model)`);
  return config;
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
