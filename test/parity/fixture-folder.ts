// Fixture folder: a folder laid out like the reference's, read in the form that the parity cases take.

import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { PNG } from "pngjs";
import { VitrineError } from "../../runtime/errors.js";
import type { GpuTier } from "../../runtime/executors/webgpu/tier.js";
import { floatTensors, readSafetensors, type SafetensorsFile } from "../../runtime/weights/safetensors.js";
import { tierTolerances } from "../executors/tier-tolerances.js";
import type { ParityContext } from "./case.js";

/** f32_error.json: the error of PyTorch's own float32 run against the float64 run that made the fixture. */
interface Float32Errors {
  files: Record<string, { tensors: Record<string, { maxAbs: number; refMaxAbs: number }> }>;
}

/** Fraction of a tensor's range that is added to every tolerance: the float32 epsilon is about 1.2e-7. */
const RANGE_FRACTION = 1e-7;
const LARGEST_MULTIPLE = 8;

function readPng(path: string): { width: number; height: number; data: Uint8Array } {
  const { width, height, data: rgba } = PNG.sync.read(readFileSync(path));
  const data = new Uint8Array(width * height * 3);
  for (let pixel = 0; pixel < width * height; pixel++)
    data.set(rgba.subarray(4 * pixel, 4 * pixel + 3), 3 * pixel);
  return { width, height, data };
}

function toleranceOf(
  errors: Float32Errors,
  [file, tensor, multiple]: [file: string, tensor: string, multiple: number],
  rounding: number,
): number {
  if (!(multiple >= 1 && multiple <= LARGEST_MULTIPLE))
    throw new RangeError(`${file}, ${tensor}: a multiple of ${multiple}; allowed: 1 to ${LARGEST_MULTIPLE}`);
  const entry = errors.files[file]?.tensors[tensor];
  if (!entry) throw new RangeError(`f32_error.json does not name tensor "${tensor}" of ${file}`);
  return multiple * entry.maxAbs + (RANGE_FRACTION + rounding) * entry.refMaxAbs;
}

/** Every file is read once. Throws `file/not-found` where the folder does not exist. */
export function openFixtureFolder(folder: string, device: string, tier?: GpuTier): ParityContext {
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new VitrineError(
      "file/not-found",
      `${folder}: no such folder; expected one of fixtures, laid out like test/fixtures/micro`,
    );
  const allowed = tierTolerances(tier);
  const texts = new Map<string, unknown>();
  const files = new Map<string, SafetensorsFile>();
  const json = <T>(file: string): T => {
    if (!texts.has(file)) texts.set(file, JSON.parse(readFileSync(join(folder, file), "utf8")));
    return texts.get(file) as T;
  };
  const open = (file: string): SafetensorsFile => {
    const known = files.get(file);
    if (known) return known;
    const read = readSafetensors(readFileSync(join(folder, file)), file);
    files.set(file, read);
    return read;
  };
  return {
    folder,
    device,
    tier,
    has: (file) => existsSync(join(folder, file)),
    json,
    tensors: (file) => open(file).tensors,
    floats: (file) => floatTensors(open(file)),
    png: (file) => readPng(join(folder, file)),
    tolerance: (...which) => toleranceOf(json<Float32Errors>("f32_error.json"), which, 0),
    deviceTolerance: (...which) =>
      toleranceOf(json<Float32Errors>("f32_error.json"), which, allowed.rounding),
    tierTolerances: allowed,
  };
}
