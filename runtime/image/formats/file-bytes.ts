// File bytes: the bytes and numbers of a picture file, with bounds.

import type { VitrineError } from "../../errors.js";
import { pictureError } from "../failure.js";

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
