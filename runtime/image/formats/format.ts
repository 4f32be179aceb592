// Format: what the reader of pictures needs from a format besides JPEG and PNG, and what their decoders share.

import { pictureError, tooLarge } from "../failure.js";
import type { ImageModule } from "../image-module.js";

/** What a header says. */
export interface PictureSize {
  /** In pixels, as stored. */
  width: number;
  height: number;
  /** EXIF orientation 1…8; 1 if the file has none, and of TIFF, which is always turned upright. */
  orientation: number;
}

export interface FormatOptions {
  /** Names the file in errors. */
  name: string | undefined;
  pixelLimit: number;
  /** Keep the rows that a damaged file still has; the others are black. */
  partial: boolean;
}

export interface Pixels {
  width: number;
  height: number;
  /** uint8 [height, width, 3], RGB. */
  data: Uint8Array;
  /** Rows that the file's data covers, from the top; in most BMP files from the bottom. */
  rowsDecoded: number;
}

export interface Format {
  /** Throws `image/truncated`, `image/corrupt`, `image/unsupported`. */
  readSize(file: Uint8Array, name: string | undefined): PictureSize;
  /** Throws what `readSize` throws, and `image/too-large` before memory is reserved. */
  decode(file: Uint8Array, options: FormatOptions, module: ImageModule): Pixels | Promise<Pixels>;
}

/** Throws `image/corrupt` for a size of 0, `image/too-large` above the limit. */
export function requireSize(
  format: string,
  { width, height }: { width: number; height: number },
  { name, pixelLimit }: FormatOptions,
): void {
  if (width < 1 || height < 1)
    throw pictureError("image/corrupt", name, `the ${format} header has a width or height of 0`);
  if (width * height > pixelLimit)
    throw pictureError("image/too-large", name, tooLarge(format, width * height, pixelLimit));
}

/**
 * RGB of every index, u8 [256, 3], from the colors of the first ones. As in Pillow, the others are black, but where the
 * colors are a ramp of grays that goes on.
 */
export function paletteOf(colors: Uint8Array): Uint8Array {
  const ramp = Uint8Array.from({ length: 768 }, (_, i) => Math.trunc(i / 3));
  if (colors.every((value, i) => value === ramp[i])) return ramp;
  const palette = new Uint8Array(768);
  palette.set(colors);
  return palette;
}
