// Resize: RGB pixels to another size, equal to Pillow's Image.resize byte for byte.

import { Filter, Region } from "../../assembly/image/contract.js";
import { quote, VitrineError } from "../errors.js";
import type { ImageModule } from "./image-module.js";
import type { FilterName } from "./input-transform.js";

const FILTERS: Record<FilterName, Filter> = {
  nearest: Filter.Nearest,
  box: Filter.Box,
  bilinear: Filter.Bilinear,
  hamming: Filter.Hamming,
  bicubic: Filter.Bicubic,
  lanczos: Filter.Lanczos,
};

/** The filters that `resize` knows, by Pillow's names. */
export const FILTER_NAMES: readonly string[] = Object.keys(FILTERS);

/** The filter's number. Throws `usage/bad-option` for an unknown name. */
export function filterNumber(name: FilterName): Filter {
  const filter = FILTERS[name];
  if (filter === undefined)
    throw new VitrineError(
      "usage/bad-option",
      `resampling filter "${quote(name)}" is unknown; filters are ${Object.keys(FILTERS).join(", ")}`,
    );
  return filter;
}

/** An RGB picture. */
export interface RgbImage {
  /** In pixels. */
  width: number;
  height: number;
  /** uint8 [height, width, 3], row-major. */
  data: Uint8Array;
}

/** Size, filter and buffers of a resize. */
export interface ResizeOptions {
  /** Of the result, in pixels. */
  width: number;
  height: number;
  /** Default bicubic (a = −0.5, antialiased: the support grows with the shrink factor). */
  filter?: FilterName;
  /**
   * Part of the input that fills the result, in pixels, fractions allowed; pixels around it contribute. Default: all.
   */
  box?: { left: number; top: number; right: number; bottom: number };
  /** Buffer for the result, width · height · 3 bytes. Default: a new one. */
  into?: Uint8Array;
  /** Runs the scalar reference of the vector code; the result is the same. For tests. Default false. */
  scalar?: boolean;
}

/** Largest side of a model's square input. */
export const LARGEST_INPUT = 16_383;
/** Bytes of RGB that the module can address contiguously. */
const LARGEST_PICTURE = 2 ** 31;

/** Throws `image/bad-argument` unless both are whole numbers of pixels, `image/out-of-memory` above 2 GiB of RGB. */
function requireSize(width: number, height: number): void {
  if (!(Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0))
    throw new VitrineError("image/bad-argument", `a picture cannot have ${width}×${height} pixels`, {
      details: { width, height },
    });
  const bytes = width * height * 3;
  if (bytes >= LARGEST_PICTURE)
    throw new VitrineError(
      "image/out-of-memory",
      `a picture of ${width}×${height} pixels has ${bytes} bytes, allowed are fewer than ${LARGEST_PICTURE}`,
      { details: { width, height, bytes } },
    );
}

/** As `requireSize`, and `image/bad-argument` if `data` is too short for the picture. */
export function requirePicture({ width, height, data }: RgbImage): void {
  requireSize(width, height);
  if (data.length < width * height * 3)
    throw new VitrineError(
      "image/bad-argument",
      `picture of ${width}×${height} pixels needs ${width * height * 3} bytes of RGB, got ${data.length}`,
      { details: { width, height, bytes: data.length } },
    );
}

function requireBox({ width, height }: RgbImage, box: NonNullable<ResizeOptions["box"]>): void {
  const { left, top, right, bottom } = box;
  if (left >= 0 && top >= 0 && left < right && top < bottom && right <= width && bottom <= height) return;
  throw new VitrineError(
    "image/bad-argument",
    `resize box ${left}, ${top}, ${right}, ${bottom} is not inside ${width}×${height} pixels`,
  );
}

/**
 * Resizes an RGB picture; equal to Pillow's `Image.resize(size, resample, box)` byte for byte (two passes, 22-bit
 * weights, rounded to bytes in between).
 *
 * Throws `image/bad-argument` for a size or box out of range, `usage/bad-option` for an unknown filter,
 * `image/out-of-memory`, `image/buffer-too-small`.
 */
export function resize(module: ImageModule, image: RgbImage, options: ResizeOptions): RgbImage {
  requirePicture(image);
  const { width, height, filter = "bicubic", into, scalar = false } = options;
  requireSize(width, height);
  const box = options.box ?? { left: 0, top: 0, right: image.width, bottom: image.height };
  requireBox(image, box);
  const number = filterNumber(filter);
  return module.run(undefined, (call) => {
    const bytes = image.width * image.height * 3;
    call.put(Region.Rgb, image.data.subarray(0, bytes));
    call.check(
      call.exports.resizePicture(
        image.width,
        image.height,
        box.left,
        box.top,
        box.right,
        box.bottom,
        width,
        height,
        number,
        scalar ? 1 : 0,
      ),
    );
    return { width, height, data: call.take(Region.Output, width * height * 3, into) };
  });
}
