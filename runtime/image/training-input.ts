// Training input: a photograph transformed by one sample's draw. Crop, resize, flip, operations and erasing, in one
// call of the module.

import {
  ERASE_FIELDS,
  EraseKind,
  OPERATION_FIELDS,
  Region,
  SampleField,
  type Status,
} from "../../assembly/image/contract.js";
import type { SampleDraw } from "../draw/draw.js";
import { Domain, streamAddress } from "../draw/random.js";
import type { EraseMode } from "../draw/recipe.js";
import { VitrineError } from "../errors.js";
import { DEFAULT_PIXEL_LIMIT } from "./decode.js";
import type { ImageCall, ImageModule } from "./image-module.js";
import type { FilterName } from "./input-transform.js";
import { operationRecords } from "./operation-records.js";
import { filterNumber, LARGEST_INPUT, type RgbImage, requirePicture } from "./resize.js";

/** Size, filter and buffers of a training input. */
export interface TrainingOptions {
  /** Side of the square result in pixels; the draw's erase boxes must be inside it. */
  size: number;
  /** Default: the draw's, bicubic if it has none. */
  filter?: FilterName;
  /** Names the image in errors. */
  name?: string;
  /** Largest number of pixels that a JPEG header may claim. Default 178,956,970. */
  pixelLimit?: number;
  /** Keep the intact part of a damaged JPEG file; the rest is gray. Default false: a typed error. */
  partial?: boolean;
  /** Buffer for the result, size · size · 3 bytes. Default: a new one. */
  into?: Uint8Array;
}

/**
 * JPEG file and its draw (made for the size in its header) → uint8 [size, size, 3], row-major RGB. Decodes only the
 * crop; resize and operations equal Pillow's byte for byte, erase noise is clamp(⌊255 · (mean + std · z) + ½⌋).
 *
 * Throws what `decode` throws, `image/bad-argument` for a crop outside the picture, a window too far outside the resized
 * crop or of `nearest`, or an erase box outside the result,
 * `image/unknown-operation`, `usage/bad-option` for a size or filter out of range.
 */
export function trainingInput(
  module: ImageModule,
  jpeg: Uint8Array,
  draw: SampleDraw,
  options: TrainingOptions,
): Uint8Array {
  const pixelLimit = options.pixelLimit ?? DEFAULT_PIXEL_LIMIT;
  return trainingInputOfCall(module, draw, options, (call) => {
    call.put(Region.Input, jpeg);
    return () => call.exports.augmentJpeg(jpeg.length, pixelLimit, options.partial === true ? 1 : 0);
  });
}

/**
 * As `trainingInput`, from pixels: a picture of another format. Also throws `image/bad-argument` for a picture
 * without enough pixels.
 */
export function trainingInputOfPixels(
  module: ImageModule,
  image: RgbImage,
  draw: SampleDraw,
  options: TrainingOptions,
): Uint8Array {
  requirePicture(image);
  return trainingInputOfCall(module, draw, options, (call) => {
    const bytes = image.width * image.height * 3;
    call.put(Region.Rgb, image.data.subarray(0, bytes));
    return () => call.exports.augmentPixels(image.width, image.height);
  });
}

/** `load` copies the picture in and returns the function that runs the transform on it. */
export function trainingInputOfCall(
  module: ImageModule,
  draw: SampleDraw,
  options: TrainingOptions,
  load: (call: ImageCall) => () => Status,
): Uint8Array {
  const { size, name, into } = options;
  const filter = options.filter ?? draw.filter ?? "bicubic";
  requireDraw(draw, size, filter);
  const number = filterNumber(filter);
  const operations = operationRecords(draw.operations, {
    width: size,
    height: size,
    filter,
    math: module.math,
  });
  return module.run(name, (call) => {
    const run = load(call);
    writeSample(call, draw, { size, filter: number, operations });
    call.check(run());
    return call.take(Region.Output, size * size * 3, into);
  });
}

function requireDraw(draw: SampleDraw, size: number, filter: FilterName): void {
  if (!(Number.isInteger(size) && size > 0 && size <= LARGEST_INPUT))
    throw new VitrineError(
      "usage/bad-option",
      `input size ${size} is not a whole number from 1 to ${LARGEST_INPUT}`,
    );
  const { window } = draw;
  const isWhole =
    window && Object.values(window).every((value) => Number.isInteger(value) && Math.abs(value) < 2 ** 26);
  if (window && !(isWhole && filter !== "nearest"))
    throw new VitrineError(
      "image/bad-argument",
      `window ${JSON.stringify(window)} with filter ${filter}: allowed are whole numbers below 2²⁶, and any filter but nearest`,
    );
  const outside = draw.erase.find(
    (box) => box.top < 0 || box.left < 0 || box.top + box.height > size || box.left + box.width > size,
  );
  if (outside !== undefined)
    throw new VitrineError(
      "image/bad-argument",
      `erase box ${JSON.stringify(outside)} is not inside ${size}×${size} pixels`,
    );
}

const ERASE_KINDS: Record<EraseMode, EraseKind> = {
  pixel: EraseKind.Pixel,
  random: EraseKind.Random,
  const: EraseKind.Const,
};

/** Writes the draw and the records of its operations to Region.Parameters, which it reserves. */
function writeSample(
  call: ImageCall,
  draw: SampleDraw,
  { size, filter, operations }: { size: number; filter: number; operations: readonly number[][] },
): void {
  const firstOperation = SampleField.Erasing + draw.erase.length * ERASE_FIELDS;
  const numbers = firstOperation + operations.length * OPERATION_FIELDS;
  call.reserve(Region.Parameters, numbers * 8);
  const bytes = call.view(Region.Parameters, numbers * 8);
  const record = new Float64Array(bytes.buffer, bytes.byteOffset, numbers);
  record[SampleField.CropTop] = draw.crop.top;
  record[SampleField.CropLeft] = draw.crop.left;
  record[SampleField.CropHeight] = draw.crop.height;
  record[SampleField.CropWidth] = draw.crop.width;
  record[SampleField.Flip] = draw.flip ? 1 : 0;
  record[SampleField.Size] = size;
  record[SampleField.Filter] = filter;
  const window = draw.window ?? { width: size, height: size, top: 0, left: 0 };
  record[SampleField.ResizedHeight] = window.height;
  record[SampleField.ResizedWidth] = window.width;
  record[SampleField.WindowTop] = window.top;
  record[SampleField.WindowLeft] = window.left;
  const address = streamAddress(draw.key, Domain.Erase);
  record[SampleField.SeedLow] = address.seedLow;
  record[SampleField.SeedHigh] = address.seedHigh;
  record[SampleField.Index] = address.index;
  record[SampleField.Epoch] = address.epoch;
  record[SampleField.Tag] = address.tag;
  record[SampleField.EraseCount] = draw.erase.length;
  record[SampleField.OperationCount] = operations.length;
  operations.forEach((operation, i) => {
    record.set(operation, firstOperation + i * OPERATION_FIELDS);
  });
  draw.erase.forEach(({ mode, top, left, height, width }, i) => {
    record.set([ERASE_KINDS[mode], top, left, height, width], SampleField.Erasing + i * ERASE_FIELDS);
  });
}
