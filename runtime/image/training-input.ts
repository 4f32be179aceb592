// Training input: a photograph as one sample's draw makes it. Crop, resize, flip, operations and erase, in one call of
// the module.

import { Region } from "../../assembly/image/regions.js";
import type { SampleDraw } from "../draw/draw.js";
import { VitrineError } from "../errors.js";
import { DEFAULT_PIXEL_LIMIT } from "./decode.js";
import type { ImageModule } from "./image-module.js";
import { operationRecords } from "./operation-records.js";
import { type FilterName, filterNumber, LARGEST_INPUT, type RgbImage, requirePicture } from "./resize.js";
import { writeSampleParameters } from "./sample-parameters.js";

export interface TrainingOptions {
  /** Side of the square result in pixels. */
  size: number;
  /** Default: as the draw says, bicubic where it does not. */
  filter?: FilterName;
  /** Names the image in errors. */
  name?: string;
  /** Most pixels that a JPEG header may claim. Default 64 · 2²⁰. */
  pixelLimit?: number;
  /** Buffer for the result, size · size · 3 bytes. Default: a new one. */
  into?: Uint8Array;
}

function requireDraw(draw: SampleDraw, size: number): void {
  if (!(Number.isInteger(size) && size > 0 && size <= LARGEST_INPUT))
    throw new VitrineError(
      "usage/bad-option",
      `input size ${size} is not a whole number from 1 to ${LARGEST_INPUT}`,
    );
  const outside = draw.erase.find(
    (box) => box.top < 0 || box.left < 0 || box.top + box.height > size || box.left + box.width > size,
  );
  if (outside !== undefined)
    throw new VitrineError(
      "image/bad-argument",
      `erase box ${JSON.stringify(outside)} leaves ${size} pixels`,
    );
}

/**
 * JPEG file and its draw (made for the size that its header says) → uint8 [size, size, 3].
 * Throws what `decode` throws, `image/bad-argument` for a crop outside of the picture, and
 * `image/unknown-operation`.
 */
export function trainingInput(
  module: ImageModule,
  jpeg: Uint8Array,
  draw: SampleDraw,
  options: TrainingOptions,
): Uint8Array {
  const { size, name, pixelLimit = DEFAULT_PIXEL_LIMIT, into } = options;
  const filter = options.filter ?? draw.filter ?? "bicubic";
  requireDraw(draw, size);
  const number = filterNumber(filter);
  const operations = operationRecords(draw.operations, {
    width: size,
    height: size,
    filter,
    math: module.math,
  });
  return module.run(name, (call) => {
    call.input(jpeg);
    writeSampleParameters(call, draw, { size, filter: number, operations });
    call.check(call.exports.augmentJpeg(jpeg.length, pixelLimit));
    return call.take(Region.Output, size * size * 3, into);
  });
}

/** The same from pixels: a picture of another format. */
export function trainingInputOfPixels(
  module: ImageModule,
  image: RgbImage,
  draw: SampleDraw,
  options: TrainingOptions,
): Uint8Array {
  requirePicture(image);
  const { size, name, into } = options;
  const filter = options.filter ?? draw.filter ?? "bicubic";
  requireDraw(draw, size);
  const number = filterNumber(filter);
  const operations = operationRecords(draw.operations, {
    width: size,
    height: size,
    filter,
    math: module.math,
  });
  return module.run(name, (call) => {
    const bytes = image.width * image.height * 3;
    call.reserve(Region.Rgb, bytes);
    call.view(Region.Rgb, bytes).set(image.data.subarray(0, bytes));
    writeSampleParameters(call, draw, { size, filter: number, operations });
    call.check(call.exports.augmentPixels(image.width, image.height));
    return call.take(Region.Output, size * size * 3, into);
  });
}
