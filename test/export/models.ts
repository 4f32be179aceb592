// Models and pictures for the tests of exports: small, random, in memory.

import type { StoredModel } from "../../runtime/model-files/stored-model.js";
import type { ClassifierConfig } from "../../runtime/models/config.js";
import { normalizationTable } from "../../runtime/models/config.js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import type { RegnetyConfig } from "../../runtime/models/regnety/config.js";
import { syntheticWeights } from "../models/synthetic-model.js";
import { syntheticRegnety } from "../models/synthetic-regnety.js";

export function storedModel(config: DeitConfig | RegnetyConfig): StoredModel {
  return {
    name: "made",
    config,
    labels: Array.from({ length: config.classes }, (_, index) => `kind ${index}`),
    weights: "stages" in config ? syntheticRegnety(config) : syntheticWeights(config),
    batchesTracked: 0,
    dtype: "float32",
    matrices: new Map(),
    notices: [],
  };
}

/** uint8 [count, size, size, 3]. */
export function syntheticPixels({ imageSize }: ClassifierConfig, count: number): Uint8Array {
  let state = 7;
  return Uint8Array.from({ length: count * imageSize ** 2 * 3 }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return state & 255;
  });
}

/** pixels uint8 [count, size, size, 3] → float32 [count, 3, size, size]. */
export function normalizedImage(config: ClassifierConfig, pixels: Uint8Array): Float32Array {
  const table = normalizationTable(config);
  const area = config.imageSize ** 2;
  return Float32Array.from(pixels, (_, index) => {
    const sample = Math.floor(index / (3 * area));
    const channel = Math.floor(index / area) % 3;
    return table[channel * 256 + pixels[(sample * area + (index % area)) * 3 + channel]!] as number;
  });
}
