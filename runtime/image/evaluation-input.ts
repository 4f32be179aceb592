// Evaluation input: a photograph as models are validated on it. torchvision's Resize of the short side to
// int(size / cropRatio), then CenterCrop(size), byte for byte.

import { Region } from "../../assembly/image/contract.js";
import { VitrineError } from "../errors.js";
import { DEFAULT_PIXEL_LIMIT } from "./decode.js";
import type { ImageModule } from "./image-module.js";
import { type FilterName, filterNumber, LARGEST_INPUT, type RgbImage, requirePicture } from "./resize.js";

/** Size, crop, filter and buffers of an evaluation input. */
export interface EvaluationOptions {
  /** Side of the square result in pixels. */
  size: number;
  /** Fraction of the resized short side that the crop keeps. Default 0.875, as in DeiT's main.py. */
  cropRatio?: number;
  /** Of the resize. Default bicubic. */
  filter?: FilterName;
  /** Names the image in errors. */
  name?: string;
  /** Largest number of pixels that a JPEG header may claim. Default 64 · 2²⁰. */
  pixelLimit?: number;
  /** Make a JPEG picture upright by its EXIF orientation. Default false, as torchvision's loader. */
  orient?: boolean;
  /** Buffer for the result, size · size · 3 bytes. Default: a new one. */
  into?: Uint8Array;
}

/** Length to which the short side is resized before the crop. Throws `usage/bad-option`. */
function shortSideOf({ size, cropRatio = 0.875 }: EvaluationOptions): number {
  const side = Math.trunc(size / cropRatio);
  if (Number.isInteger(size) && size > 0 && size <= LARGEST_INPUT && side > 0 && side < 2 ** 26) return side;
  throw new VitrineError(
    "usage/bad-option",
    `evaluation size ${size} with crop ratio ${cropRatio}: the size must be a whole number from 1 to ${LARGEST_INPUT}, the ratio above 0`,
    { details: { size, cropRatio } },
  );
}

/**
 * JPEG file → uint8 [size, size, 3], row-major RGB: the short side resized to int(size / cropRatio), then the center
 * crop; equal to torchvision's Resize and CenterCrop on Pillow images byte for byte.
 *
 * Throws what `decode` throws, and `usage/bad-option` for a size, ratio or filter out of range.
 */
export function evaluationInput(
  module: ImageModule,
  jpeg: Uint8Array,
  options: EvaluationOptions,
): Uint8Array {
  const shortSide = shortSideOf(options);
  const { size, filter = "bicubic", name, pixelLimit = DEFAULT_PIXEL_LIMIT, into } = options;
  const number = filterNumber(filter);
  return module.run(name, (call) => {
    call.put(Region.Input, jpeg);
    call.check(
      call.exports.evaluateJpeg(
        jpeg.length,
        pixelLimit,
        shortSide,
        size,
        number,
        options.orient === true ? 1 : 0,
      ),
    );
    return call.take(Region.Output, size * size * 3, into);
  });
}

/**
 * As `evaluationInput`, from pixels: a camera frame, a picture of another format. Throws `image/bad-argument` for a
 * picture without enough pixels, `image/out-of-memory`, `image/buffer-too-small` and `usage/bad-option`.
 */
export function evaluationInputOfPixels(
  module: ImageModule,
  image: RgbImage,
  options: EvaluationOptions,
): Uint8Array {
  requirePicture(image);
  const shortSide = shortSideOf(options);
  const { size, filter = "bicubic", name, into } = options;
  const number = filterNumber(filter);
  return module.run(name, (call) => {
    const bytes = image.width * image.height * 3;
    call.put(Region.Rgb, image.data.subarray(0, bytes));
    call.check(call.exports.evaluatePixels(image.width, image.height, shortSide, size, number));
    return call.take(Region.Output, size * size * 3, into);
  });
}
