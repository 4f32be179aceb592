// Tiny model: a distilled DeiT with random weights, and pictures for it.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import jpeg from "jpeg-js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { completeConfig } from "../../runtime/models/deit/config.js";
import { deitParameters } from "../../runtime/models/deit/parameters.js";
import { writeConfigJson } from "../../runtime/models/families.js";
import { storedFloats, writeSafetensors } from "../../runtime/weights/safetensors.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";

export const TINY: DeitConfig = completeConfig(
  { imageSize: 32, patchSize: 8, dim: 48, depth: 2, heads: 3, classes: 5, distilled: true },
  "tiny",
);
/** A slower one, for tests that need a busy model: a few milliseconds per image. */
export const SLOW: DeitConfig = completeConfig({ ...TINY, dim: 192, depth: 12, mlpDim: 768 }, "slow");
export const TINY_LABELS = ["ant", "bee, honey bee", "cat", "dog", "elk"];

/** Uniform in −1..1 from a linear congruential generator (Numerical Recipes' constants): the same on every machine. */
function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** Large enough that different pictures get clearly different logits. */
function randomWeights(config: DeitConfig): TensorMap {
  const next = uniform(7);
  const entries = Array.from(deitParameters(config), ([name, shape]) => {
    const count = shape.reduce((product, axis) => product * axis, 1);
    const center = /norm\d?\.weight$/.test(name) ? 1 : 0;
    return [
      name,
      { shape, data: Float32Array.from({ length: count }, () => center + 0.3 * next()) },
    ] as const;
  });
  return new Map(entries);
}

export interface TinyModel {
  /** Model folder, named `tiny`. */
  folder: string;
  /** The same weights as a bare file without config.json. */
  file: string;
  remove(): void;
}

export function makeTinyModel(config = TINY): TinyModel {
  const root = mkdtempSync(join(tmpdir(), "vitrine-"));
  const folder = join(root, "tiny");
  mkdirSync(folder);
  const weights = writeSafetensors(storedFloats(randomWeights(config)));
  writeFileSync(join(folder, "model.safetensors"), weights);
  writeFileSync(join(folder, "config.json"), writeConfigJson(config, TINY_LABELS));
  return { folder, file: join(folder, "model.safetensors"), remove: () => rmSync(root, { recursive: true }) };
}

/** RGBA [height, width, 4]: colored waves that depend on `seed`. */
export function drawWaves(seed: number, width: number, height: number): Buffer {
  const pixels = Buffer.alloc(width * height * 4, 255);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * 4;
      pixels[at] = 128 + 127 * Math.sin((x + seed * 5) / 9);
      pixels[at + 1] = 128 + 127 * Math.sin((y * (1 + (seed % 3)) + seed) / 7);
      pixels[at + 2] = 128 + 127 * Math.sin((x + y) / (4 + seed));
    }
  }
  return pixels;
}

/** A JPEG file, 60 × 44 pixels by default. */
export function wavesJpeg(seed: number, width = 60, height = 44): Buffer {
  return jpeg.encode({ width, height, data: drawWaves(seed, width, height) }, 90).data;
}
