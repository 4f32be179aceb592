// Probe transforms: on any decoded pixels, vector code equals its scalar references, and a training sample made
// from the file equals the one made from its pixels.

import { drawAugmentation } from "../../runtime/draw/augmentation.js";
import { Domain, drawStream } from "../../runtime/draw/random.js";
import { DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { drawSample } from "../../runtime/draw/sample.js";
import { isVitrineError } from "../../runtime/errors.js";
import { augment } from "../../runtime/image/augment.js";
import { decode } from "../../runtime/image/decode.js";
import type { ImageModule } from "../../runtime/image/image-module.js";
import type { FilterName } from "../../runtime/image/input-transform.js";
import { type RgbImage, resize } from "../../runtime/image/resize.js";
import { trainingInput, trainingInputOfPixels } from "../../runtime/image/training-input.js";

const PIXEL_LIMIT = 1 << 20;
const LARGEST_RESULT = 96;
const FILTERS: readonly FilterName[] = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"];
const POLICIES = ["rand-m9-n4-mstd0.5-inc1", "rand-m10-n4-mstd3", "original-mstd2", "v0-mstd2", "3a"];

function requireSame(what: string, a: Uint8Array, b: Uint8Array): void {
  if (Buffer.compare(a, b) !== 0) throw new Error(what);
}

/** The picture, or null for a file that is refused. */
function decoded(module: ImageModule, file: Uint8Array): RgbImage | null {
  try {
    return decode(module, file, { pixelLimit: PIXEL_LIMIT });
  } catch (error) {
    if (isVitrineError(error) && error.code.startsWith("jpeg/")) return null;
    throw error;
  }
}

function checkResize(module: ImageModule, image: RgbImage, next: () => number): RgbImage {
  const width = 1 + (next() % LARGEST_RESULT);
  const height = 1 + (next() % LARGEST_RESULT);
  const filter = FILTERS[next() % FILTERS.length] as FilterName;
  const fast = resize(module, image, { width, height, filter });
  const scalar = resize(module, image, { width, height, filter, scalar: true });
  requireSame(`${filter} to ${width}×${height} differs from the scalar reference`, fast.data, scalar.data);
  return fast;
}

function checkOperations(module: ImageModule, image: RgbImage, seed: number, policy: string): void {
  const chance = drawStream(module.math, { seed, epoch: 0, index: 0, repeat: 0 }, Domain.Sample);
  const operations = drawAugmentation(chance, { autoAugment: policy, colorJitter: 0.4 });
  for (const filter of ["bicubic", "bilinear"] as const) {
    const fast = augment(module, image, operations, { filter });
    const scalar = augment(module, image, operations, { filter, scalar: true });
    requireSame(`${JSON.stringify(operations)} differs from the scalar reference`, fast.data, scalar.data);
  }
}

/** Throws if a promise is broken; ignores files that are refused. */
export function probeTransforms(module: ImageModule, file: Uint8Array, next: () => number): void {
  const image = decoded(module, file);
  if (image === null) return;
  const seed = next();
  const autoAugment = POLICIES[next() % POLICIES.length] as string;
  checkOperations(module, checkResize(module, image, next), seed, autoAugment);
  const size = 1 + (next() % LARGEST_RESULT);
  const recipe = { ...DEIT_RECIPE, size, autoAugment, interpolation: "random" as const, eraseProbability: 1 };
  const draw = drawSample(module.math, { seed, epoch: 0, index: 0, repeat: 0 }, image, recipe);
  const straight = trainingInput(module, file, draw, { size, pixelLimit: PIXEL_LIMIT });
  const detour = trainingInputOfPixels(module, image, draw, { size });
  requireSame(`the sample of ${JSON.stringify(draw)} differs from that of the pixels`, straight, detour);
}
