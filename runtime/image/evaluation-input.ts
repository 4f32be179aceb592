// Evaluation input: a photograph as models are validated on it. torchvision's Resize of the short side to
// int(size / cropRatio), then CenterCrop(size), byte for byte; or what a model's files ask for instead.

import { CropMode, Region } from "../../assembly/image/contract.js";
import { VitrineError } from "../errors.js";
import { DEFAULT_PIXEL_LIMIT } from "./decode.js";
import type { ImageModule } from "./image-module.js";
import { DEFAULT_CROP_RATIO, type InputTransform } from "./input-transform.js";
import { filterNumber, LARGEST_INPUT, type RgbImage, requirePicture } from "./resize.js";

/** Transform and buffers of an evaluation input. */
export interface EvaluationOptions extends InputTransform {
  /** Names the image in errors. */
  name?: string;
  /** Largest number of pixels that a JPEG header may claim. Default 178,956,970. */
  pixelLimit?: number;
  /** Make a JPEG picture upright by its EXIF orientation. Default false, as torchvision's loader. */
  orient?: boolean;
  /** Keep the intact part of a damaged JPEG file; the rest is gray. Default false: a typed error. */
  partial?: boolean;
  /** Buffer for the result, size · size · 3 bytes. Default: a new one. */
  into?: Uint8Array;
}

interface TransformArguments {
  /** Length of the resized side. */
  side: number;
  filter: number;
  mode: CropMode;
  down: 0 | 1;
  /** 0xBBGGRR. */
  color: number;
}

const MODES = { center: CropMode.Center, squash: CropMode.Squash, border: CropMode.Border } as const;

/** Checks the options and gives the numbers that the module takes. Throws `usage/bad-option`. */
export function transformArguments(options: EvaluationOptions): TransformArguments {
  const {
    size,
    cropRatio = DEFAULT_CROP_RATIO,
    filter = "bicubic",
    cropMode = "center",
    cropRounding,
  } = options;
  const [red, green, blue] = options.borderColor ?? [0, 0, 0];
  const side = Math.trunc(size / cropRatio);
  if (Number.isInteger(size) && size > 0 && size <= LARGEST_INPUT && side > 0 && side < 2 ** 26)
    return {
      side,
      filter: filterNumber(filter),
      mode: MODES[cropMode],
      down: cropRounding === "down" ? 1 : 0,
      color: cropMode === "border" ? (blue << 16) | (green << 8) | red : 0,
    };
  throw new VitrineError(
    "usage/bad-option",
    `evaluation size ${size} with crop ratio ${cropRatio}: the size must be a whole number from 1 to ${LARGEST_INPUT}, the ratio above 0`,
    { details: { size, cropRatio } },
  );
}

/**
 * JPEG file → uint8 [size, size, 3], row-major RGB: the short side resized to int(size / cropRatio), then the center
 * crop; equal to torchvision's Resize and CenterCrop on Pillow images byte for byte. `cropMode` and `cropRounding`
 * choose what timm's squash and border and Hugging Face's transformers do.
 *
 * Throws what `decode` throws, and `usage/bad-option` for a size, ratio or filter out of range.
 */
export function evaluationInput(
  module: ImageModule,
  jpeg: Uint8Array,
  options: EvaluationOptions,
): Uint8Array {
  const { side, filter, mode, down, color } = transformArguments(options);
  const { size, name, pixelLimit = DEFAULT_PIXEL_LIMIT, into } = options;
  return module.run(name, (call) => {
    call.put(Region.Input, jpeg);
    call.check(
      call.exports.evaluateJpeg(
        jpeg.length,
        pixelLimit,
        side,
        size,
        filter,
        mode,
        down,
        color,
        options.orient === true ? 1 : 0,
        options.partial === true ? 1 : 0,
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
  const { side, filter, mode, down, color } = transformArguments(options);
  const { size, name, into } = options;
  return module.run(name, (call) => {
    const bytes = image.width * image.height * 3;
    call.put(Region.Rgb, image.data.subarray(0, bytes));
    call.check(call.exports.evaluatePixels(image.width, image.height, side, size, filter, mode, down, color));
    return call.take(Region.Output, size * size * 3, into);
  });
}
