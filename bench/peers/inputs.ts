// Inputs: what all peers of a bench read, as raw files in one temporary folder: weights, pixels and settings.
//
// inputs.json names tensors and sizes; weights.f32 has all tensors contiguously; pixels.u8 [batch, size, size, 3] is what
// Vitrine takes, image.f32 [batch, 3, size, size] the same pixels normalized, which the other peers take.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { normalizationTable } from "../../runtime/models/config.js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import type { StepSettings } from "./training-step.js";

interface Description {
  config: DeitConfig;
  weights: [name: string, shape: number[]][];
  settings?: StepSettings;
}

export interface Inputs extends Omit<Description, "weights"> {
  weights: TensorMap;
}

/** Creates the folder; the returned function removes it. */
export function writeInputs(
  { config, weights, settings }: Inputs,
  pixels: Uint8Array,
): { folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-bench-"));
  const description: Description = {
    config,
    weights: [...weights].map(([name, { shape }]) => [name, shape]),
    settings,
  };
  writeFileSync(join(folder, "inputs.json"), JSON.stringify(description));
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
    const at = (Math.floor(pixel / area) * 3 + channel) * area + (pixel % area);
    image[at] = table[channel * 256 + pixels[i]];
  }
  return image;
}

export function readInputs(folder: string): Inputs {
  const text = readFileSync(join(folder, "inputs.json"), "utf8");
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

/** A copy, since the bytes of a pooled Buffer need not start at a multiple of four. */
function floatsOf(path: string): Float32Array {
  return new Float32Array(new Uint8Array(readFileSync(path)).buffer);
}
