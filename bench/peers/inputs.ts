// Material: what all contestants of a bench read, in one temporary folder: weights, pixels and settings as raw files.
//
// material.json names tensors and sizes; weights.f32 is every tensor one behind the other; pixels.u8 [batch, size, size, 3]
// is what Vitrine takes, image.f32 [batch, 3, size, size] the same pixels normalized, what the peers take.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DeitConfig } from "../../runtime/models/config.js";
import { normalizationTable } from "../../runtime/models/normalization.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";

/** Settings of the training step that every contestant runs. */
export interface StepSettings {
  learningRate: number;
  weightDecay: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  /** Target of image i: class i with 1 − smoothing, the rest spread over all. */
  smoothing: number;
  /** Names without weight decay besides tensors of one dimension. */
  noDecay: readonly string[];
}

interface Description {
  config: DeitConfig;
  weights: [name: string, shape: number[]][];
  settings?: StepSettings;
}

export interface Material extends Omit<Description, "weights"> {
  weights: TensorMap;
}

/** Makes the folder; the returned function removes it. */
export function writeMaterial(
  { config, weights, settings }: Material,
  pixels: Uint8Array,
): { folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-bench-"));
  const description: Description = {
    config,
    weights: [...weights].map(([name, { shape }]) => [name, shape]),
    settings,
  };
  writeFileSync(join(folder, "material.json"), JSON.stringify(description));
  writeFileSync(
    join(folder, "weights.f32"),
    Buffer.concat([...weights.values()].map(({ data }) => bytesOf(data))),
  );
  writeFileSync(join(folder, "pixels.u8"), pixels);
  writeFileSync(join(folder, "image.f32"), bytesOf(normalizedImage(config, pixels)));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

function bytesOf(data: Float32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** uint8 [batch, size, size, 3] → normalized float32 [batch, 3, size, size]. */
function normalizedImage(config: DeitConfig, pixels: Uint8Array): Float32Array {
  const area = config.imageSize ** 2;
  const table = normalizationTable(config);
  const image = new Float32Array(pixels.length);
  for (let i = 0; i < pixels.length; i++) {
    const channel = i % 3;
    const pixel = Math.floor(i / 3);
    const place = (Math.floor(pixel / area) * 3 + channel) * area + (pixel % area);
    image[place] = table[channel * 256 + (pixels[i] as number)] as number;
  }
  return image;
}

export function readMaterial(folder: string): Material {
  const text = readFileSync(join(folder, "material.json"), "utf8");
  const { config, weights: names, settings } = JSON.parse(text) as Description;
  const values = floatsOf(join(folder, "weights.f32"));
  const weights: TensorMap = new Map();
  let offset = 0;
  for (const [name, shape] of names) {
    const count = shape.reduce((a, b) => a * b, 1);
    weights.set(name, { shape, data: values.subarray(offset, offset + count) });
    offset += count;
  }
  return { config, weights, settings };
}

export function readPixels(folder: string, config: DeitConfig, batch: number): Uint8Array {
  const pixels = readFileSync(join(folder, "pixels.u8"));
  return new Uint8Array(pixels).subarray(0, batch * config.imageSize ** 2 * 3);
}

export function readImage(folder: string, config: DeitConfig, batch: number): Float32Array {
  return floatsOf(join(folder, "image.f32")).subarray(0, batch * config.imageSize ** 2 * 3);
}

/** A copy, since a pooled Buffer need not begin at a multiple of four. */
function floatsOf(path: string): Float32Array {
  return new Float32Array(new Uint8Array(readFileSync(path)).buffer);
}
