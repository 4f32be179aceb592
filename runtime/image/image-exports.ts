// Image exports: what image.wasm offers, as TypeScript sees it. One line for each export of assembly/image/index.ts.

import type { Region } from "../../assembly/image/regions.js";
import type { Status } from "../../assembly/image/status.js";

/** Addresses come back signed: read them with `>>> 0`. */
export interface ImageExports {
  setMemoryLimit(bytes: number): void;
  resetArena(): void;
  /** Address of a region of so many bytes, 0 where the memory limit forbids it. */
  reserve(region: Region, bytes: number): number;
  regionStart(region: Region): number;
  regionLength(region: Region): number;
  /** Byte of the file where the last failure was noticed. */
  statusOffset(): number;
  statusFound(): number;
  statusAllowed(): number;

  /** Header of the file in Region.Input up to its frame; then the picture getters below hold. */
  readJpegHeader(length: number): Status;
  /** Decodes the file in Region.Input to Region.Rgb; with `partial` a damaged file gives what it holds. */
  decodeJpeg(length: number, pixelLimit: number, partial: number): Status;
  pictureWidth(): number;
  pictureHeight(): number;
  pictureComponents(): number;
  /** Horizontal << 4 | vertical sampling factor of component `index`. */
  pictureSampling(index: number): number;
  /** The frame marker's second byte: 0xC0 baseline, 0xC1 extended, 0xC2 progressive, … */
  pictureFrame(): number;
  picturePrecision(): number;
  /** Rows that a partial decode could fill; the others repeat gray or what was there. */
  pictureRows(): number;
}
