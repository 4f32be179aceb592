// Image exports: the functions of image.wasm, typed. One declaration for each export of assembly/image/index.ts except
// those of draw.ts, which runtime/draw/random.ts declares.

import type { CropMode, Filter, Region, Status } from "../../assembly/image/contract.js";

/** Addresses are returned signed: read them with `>>> 0`. */
export interface ImageExports {
  setMemoryLimit(bytes: number): void;
  resetArena(): void;
  /** Address of a region of `bytes` bytes, 0 if it does not fit into the memory limit. */
  reserve(region: Region, bytes: number): number;
  regionStart(region: Region): number;
  /** Byte of the file where the last failure was noticed. */
  statusOffset(): number;
  statusFound(): number;
  statusAllowed(): number;

  /** Reads the header of the file in Region.Input up to its frame; then the picture getters below are valid. */
  readJpegHeader(length: number): Status;
  /**
   * Decodes the file in Region.Input to Region.Rgb, `side` / 8 as large in both directions: 8, 4, 2 or 1. With
   * `partial` a damaged file gives what it still contains. With `handOver` the rows go to the import
   * `strip.takeRows(address, bytes)` as they are finished, and Region.Rgb is empty afterward.
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
  /** Reads the header of the PNG file in Region.Input; then the picture's width, height and orientation are valid. */
  readPngHeader(length: number): Status;
  /** Decodes the PNG file in Region.Input to Region.Rgb. With `partial` a damaged file gives what it still contains. */
  decodePng(length: number, pixelLimit: number, partial: number): Status;
  /**
   * Expands the zlib stream in Region.Input to at most `needed` bytes in Region.Output. Returns how many, ~count where
   * the stream is damaged, −2³¹ without memory.
   */
  expandZlib(length: number, needed: number): number;
  pictureWidth(): number;
  pictureHeight(): number;
  /** Describes a picture that the host puts into Region.Rgb. */
  setPicture(width: number, height: number, orientation: number, rows: number): void;
  /** Makes the decoded picture in Region.Rgb upright by its EXIF orientation, and updates width and height. */
  orientPicture(): Status;
  /** EXIF orientation 1…8; 1 if the file has none. */
  pictureOrientation(): number;
  pictureComponents(): number;
  /** Horizontal << 4 | vertical sampling factor of component `index`. */
  pictureSampling(index: number): number;
  /** The frame marker's second byte: 0xC0 baseline, 0xC1 extended, 0xC2 progressive, … */
  pictureFrame(): number;
  picturePrecision(): number;
  /** Rows that intact data covers; the others are gray in a partial decode. */
  pictureRows(): number;
  /** Scalar (1) or SIMD (0) form of the IDCT of one block i16 [64]; for tests. */
  testInverseTransform(
    scalar: number,
    block: number,
    multipliers: number,
    target: number,
    last: number,
  ): void;
  /** Scalar (1) or SIMD (0) form of a row's color conversion; for tests. */
  testColor(scalar: number, luma: number, cbRow: number, crRow: number, to: number, width: number): void;
  /** Upsampling and color of a 4:2:0 row fused (0) or separate (1); for tests. */
  testUpsampleColor(separate: number, planes: number, to: number, count: number, scratch: number): void;

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
  /** Region.Rgb → Region.Output, u8 [size, size, 3]: resize of the short side, or with `squash` of both, and center crop. */
  evaluatePixels(
    width: number,
    height: number,
    side: number,
    size: number,
    filter: Filter,
    mode: CropMode,
    down: number,
    color: number,
  ): Status;
  evaluateJpeg(
    length: number,
    pixelLimit: number,
    side: number,
    size: number,
    filter: Filter,
    mode: CropMode,
    down: number,
    color: number,
    orient: number,
    partial: number,
  ): Status;
  /**
   * Applies `count` operation records in Region.Parameters to Region.Rgb, in place; `scalar` runs the scalar
   * references.
   */
  augmentPicture(width: number, height: number, count: number, scalar: number): Status;
  /** Region.Rgb, or the file in Region.Input, → Region.Output by the sample record in Region.Parameters. */
  augmentPixels(width: number, height: number): Status;
  augmentJpeg(length: number, pixelLimit: number, partial: number): Status;
  /** Fills a rectangle of the picture at `address` from normal values f64 at `noise`, one per byte or three in all. */
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
  /** Mixes Region.Batch, u8 [count, size, size, 3], in place by the mix records in Region.Parameters. */
  mixPixels(count: number, size: number, scalar: number): Status;
}
