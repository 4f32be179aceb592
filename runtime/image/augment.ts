// Augment: RandAugment's operations on a picture of any size, equal to Pillow's byte for byte.

import { OPERATION_FIELDS } from "../../assembly/image/augment/operation.js";
import { Region } from "../../assembly/image/regions.js";
import type { AugmentOperation } from "../draw/draw.js";
import type { ImageModule } from "./image-module.js";
import { operationRecords } from "./operation-records.js";
import { type FilterName, type RgbImage, requirePicture } from "./resize.js";

export interface AugmentOptions {
  /** Rotation, shear and translation are bicubic where this is, else bilinear. Default bicubic. */
  filter?: FilterName;
  /** Buffer for the result, width · height · 3 bytes. Default: a new one. */
  into?: Uint8Array;
  /** Runs the plain twins of the vector code; the result is the same. Default false. */
  scalar?: boolean;
}

/**
 * Picture and operations by timm's names, with their arguments, in order → picture of the same size. What a rotation,
 * shear or translation leaves empty takes ImageNet's mean color. Throws `image/unknown-operation`,
 * `image/bad-argument`, `image/out-of-memory`, `image/buffer-too-small`.
 */
export function augment(
  module: ImageModule,
  image: RgbImage,
  operations: readonly AugmentOperation[],
  { filter = "bicubic", into, scalar = false }: AugmentOptions = {},
): RgbImage {
  requirePicture(image);
  const { width, height } = image;
  const records = operationRecords(operations, { width, height, filter, math: module.math });
  const numbers = Float64Array.from(records.flat());
  const bytes = width * height * 3;
  return module.run(undefined, (call) => {
    call.reserve(Region.Parameters, Math.max(numbers.byteLength, OPERATION_FIELDS * 8));
    call.view(Region.Parameters, numbers.byteLength).set(new Uint8Array(numbers.buffer));
    call.reserve(Region.Rgb, bytes);
    call.view(Region.Rgb, bytes).set(image.data.subarray(0, bytes));
    call.check(call.exports.augmentPicture(width, height, records.length, scalar ? 1 : 0));
    return { width, height, data: call.take(Region.Rgb, bytes, into) };
  });
}
