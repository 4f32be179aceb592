// Augment: RandAugment's operations on a picture of any size, equal to Pillow's byte for byte.

import { OPERATION_FIELDS, Region } from "../../assembly/image/contract.js";
import type { AugmentOperation } from "../draw/draw.js";
import type { ImageModule } from "./image-module.js";
import type { FilterName } from "./input-transform.js";
import { operationRecords } from "./operation-records.js";
import { type RgbImage, requirePicture } from "./resize.js";

/** Interpolation and buffers of `augment`. */
export interface AugmentOptions {
  /** `bicubic` makes rotation, shear and translation bicubic; any other filter makes them bilinear. Default bicubic. */
  filter?: FilterName;
  /** Buffer for the result, width · height · 3 bytes. Default: a new one. */
  into?: Uint8Array;
  /** Runs the scalar references of the vector code; the result is the same. For tests. Default false. */
  scalar?: boolean;
}

/**
 * Applies operations, by timm's names and with their arguments, in order → picture of the same size. Equal to
 * Pillow's ImageOps, ImageEnhance, Image.transform and GaussianBlur byte for byte; the area that a rotation, shear or
 * translation leaves empty takes ImageNet's mean color, timm's fill.
 *
 * Throws `image/unknown-operation`, `image/bad-argument` for an argument out of range or a picture without pixels,
 * `image/out-of-memory`, `image/buffer-too-small`.
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
    call.put(Region.Rgb, image.data.subarray(0, bytes));
    call.check(call.exports.augmentPicture(width, height, records.length, scalar ? 1 : 0));
    return { width, height, data: call.take(Region.Rgb, bytes, into) };
  });
}
