// Format: what the reader of pictures needs from a format besides JPEG and PNG, and what their decoders share: byte
// access with bounds, and errors.

import { type ErrorCode, VitrineError } from "../../errors.js";
import { subjectPrefix, tooLarge } from "../failure.js";
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

export function pictureError(
  code: ErrorCode,
  name: string | undefined,
  text: string,
  cause?: unknown,
): VitrineError {
  return new VitrineError(code, subjectPrefix(name) + text, { details: { subject: name }, cause });
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

/** Bytes of a file; reads behind its end throw `image/truncated`. */
export class FileBytes {
  readonly #view: DataView;

  constructor(
    readonly file: Uint8Array,
    readonly format: string,
    readonly name: string | undefined,
    readonly little = true,
  ) {
    this.#view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  }

  /** The error for data that ends too early, after `row` of `rows` rows. */
  truncated(row = 0, rows = 0): VitrineError {
    const where = rows > 0 ? `, row ${row} of ${rows}` : ", inside its headers";
    const text = `the ${this.format} file ends at byte ${this.file.length.toLocaleString("en-US")}${where}`;
    return pictureError("image/truncated", this.name, text);
  }

  corrupt(text: string): VitrineError {
    return pictureError("image/corrupt", this.name, `${this.format} file damaged: ${text}`);
  }

  unsupported(text: string): VitrineError {
    return pictureError(
      "image/unsupported",
      this.name,
      `${this.format} file with ${text}, which is not read`,
    );
  }

  u8(at: number): number {
    return this.#read(at, 1, () => this.#view.getUint8(at));
  }

  u16(at: number): number {
    return this.#read(at, 2, () => this.#view.getUint16(at, this.little));
  }

  u32(at: number): number {
    return this.#read(at, 4, () => this.#view.getUint32(at, this.little));
  }

  i32(at: number): number {
    return this.u32(at) | 0;
  }

  /** The bytes [at, at + count). */
  bytes(at: number, count: number): Uint8Array {
    return this.#read(at, count, () => this.file.subarray(at, at + count));
  }

  #read<T>(at: number, count: number, read: () => T): T {
    if (at < 0 || at + count > this.file.length) throw this.truncated();
    return read();
  }
}
