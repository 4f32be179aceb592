// Image exports: what image.wasm offers, as TypeScript sees it. One line for each export of assembly/image/index.ts.

import type { Region } from "../../assembly/image/regions.js";
import type { Filter } from "../../assembly/image/resize/filter.js";
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
  /**
   * As decodeJpeg, `side` / 8 as large in both directions: 8, 4, 2 or 1. With `handOver` the rows go to the import
   * `env.takeRows(address, bytes)` as they are finished, and Region.Rgb holds none afterward.
   */
  decodeJpegScaled(
    length: number,
    pixelLimit: number,
    partial: number,
    side: number,
    handOver: number,
  ): Status;
  /** As decodeJpegScaled, but only a rectangle of the result: Region.Rgb is u8 [height, width, 3] of it. */
  decodeJpegWindow(
    length: number,
    pixelLimit: number,
    partial: number,
    side: number,
    left: number,
    top: number,
    width: number,
    height: number,
    handOver: number,
  ): Status;
  pictureWidth(): number;
  pictureHeight(): number;
  /** Turns the decoded picture in Region.Rgb as its EXIF orientation says, and width and height with it. */
  orientPicture(): Status;
  /** EXIF orientation 1…8; 1 where the file says nothing. */
  pictureOrientation(): number;
  pictureComponents(): number;
  /** Horizontal << 4 | vertical sampling factor of component `index`. */
  pictureSampling(index: number): number;
  /** The frame marker's second byte: 0xC0 baseline, 0xC1 extended, 0xC2 progressive, … */
  pictureFrame(): number;
  picturePrecision(): number;
  /** Rows that a partial decode could fill; the others repeat gray or what was there. */
  pictureRows(): number;
  /** Scalar (1) or SIMD (0) form of the IDCT of one block i16 [64]; for tests. */
  inverseTransformTwin(
    scalar: number,
    block: number,
    multipliers: number,
    target: number,
    last: number,
  ): void;
  /** Scalar (1) or SIMD (0) form of a row's color conversion; for tests. */
  colorTwin(scalar: number, luma: number, blueness: number, redness: number, to: number, width: number): void;
  /** Upsampling and color of a 4:2:0 row in one (0) or one after the other (1); for tests. */
  halvesTwin(apart: number, planes: number, to: number, count: number, scratch: number): void;

  /** Region.Rgb → Region.Output: Pillow's resize of the box (left, top, right, bottom). */
  resizePicture(
    width: number,
    height: number,
    left: number,
    top: number,
    right: number,
    bottom: number,
    outWidth: number,
    outHeight: number,
    filter: Filter,
    scalar: number,
  ): Status;
  /** Region.Rgb → Region.Output, u8 [size, size, 3]: resize of the short side and center crop. */
  evaluatePixels(width: number, height: number, shortSide: number, size: number, filter: Filter): Status;
  evaluateJpeg(
    length: number,
    pixelLimit: number,
    shortSide: number,
    size: number,
    filter: Filter,
    orient: number,
  ): Status;
  /** Region.Rgb in place by `count` operation records in Region.Parameters; `scalar` runs the plain twins. */
  augmentPicture(width: number, height: number, count: number, scalar: number): Status;
  /** Region.Rgb → Region.Output by the sample record in Region.Parameters. */
  augmentPixels(width: number, height: number): Status;
  augmentJpeg(length: number, pixelLimit: number): Status;
  flipPixels(address: number, width: number, height: number): void;
  /** A rectangle of the picture at `address` filled from normal values f64 at `noise`, one a byte or three in all. */
  fillNoise(
    address: number,
    width: number,
    top: number,
    left: number,
    height: number,
    boxWidth: number,
    noise: number,
    perValue: number,
  ): void;
  /** Region.Batch, u8 [count, size, size, 3], in place by the mix records in Region.Parameters. */
  mixPixels(count: number, size: number, scalar: number): Status;
}
