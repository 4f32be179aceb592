// Synthetic model: a small DeiT with random weights, and synthetic photographs, so that tests need no downloads.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import jpeg from "jpeg-js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { completeConfig } from "../../runtime/models/deit/config.js";
import { deitParameters } from "../../runtime/models/deit/parameters.js";
import { writeConfigJson } from "../../runtime/models/families.js";
import { storedFloats, writeSafetensors } from "../../runtime/weights/safetensors.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";

/** Uniform numbers in −1 … 1 from a multiplicative generator (Lehmer, 48271). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 1073741823.5 - 1;
}

/** Head dimension 64, so that the shapes alone determine its sizes. */
export const SYNTHETIC = completeConfig(
  { imageSize: 32, patchSize: 8, dim: 64, depth: 1, heads: 1, mlpDim: 64, classes: 4, distilled: true },
  "made",
);

export function syntheticWeights(config: DeitConfig, seed = 1): TensorMap {
  const next = randomNumbers(seed);
  return new Map(
    Array.from(deitParameters(config), ([name, shape]) => {
      const scale = 1 / Math.sqrt(shape.length > 1 ? shape.slice(1).reduce((a, b) => a * b) : 4);
      const data = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => scale * next());
      return [name, { shape: [...shape], data }];
    }),
  );
}

/** A model that answers `answer` to every picture: both heads have zero weights and a bias of 2 for it. */
export function constantWeights(config: DeitConfig, answer: number): TensorMap {
  const weights = syntheticWeights(config);
  for (const head of ["head", "head_dist"]) {
    weights.get(`${head}.weight`)?.data.fill(0);
    weights
      .get(`${head}.bias`)
      ?.data.fill(0)
      .fill(2, answer, answer + 1);
  }
  return weights;
}

export function writeModelFolder(
  folder: string,
  config: DeitConfig,
  weights: TensorMap,
  labels: string[],
): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "model.safetensors"), writeSafetensors(storedFloats(weights)));
  writeFileSync(join(folder, "config.json"), writeConfigJson(config, labels));
}

/** JPEG file of a smooth pattern, a different one for each seed. */
export function syntheticPhoto(seed: number, width = 48, height = 40): Uint8Array {
  const next = randomNumbers(seed + 1);
  const [a, b, c] = [next(), next(), next()];
  const data = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const shade = (angle: number) => 128 + 100 * Math.sin(angle);
      data.set([shade(a * x), shade(b * y), shade(c * (x + y)), 255], 4 * (y * width + x));
    }
  return jpeg.encode({ width, height, data }, 90).data;
}
