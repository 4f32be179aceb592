// Decode: JPEG bytes → RGB pixels, and a look at a file's header without decoding it.

import { Region } from "../../assembly/image/regions.js";
import { Status } from "../../assembly/image/status.js";
import { VitrineError } from "../errors.js";
import { samplingText } from "./failure.js";
import { foreignKind } from "./file-kind.js";
import type { ImageCall, ImageModule } from "./image-module.js";

/** 64 megapixels: larger claims are refused before memory is reserved. */
export const DEFAULT_PIXEL_LIMIT = 64 * 1024 * 1024;

export type DecodeScale = 1 | 0.5 | 0.25 | 0.125;

export interface DecodeOptions {
  /** Names the image in errors, for example its file name. */
  name?: string;
  /**
   * Buffer for the pixels; must hold width · height · 3 bytes. Default: a new one. Rows are written as they are decoded:
   * where the call throws, some of them are there.
   */
  into?: Uint8Array;
  /** Most pixels that a header may claim. Default 64 · 2²⁰. */
  pixelLimit?: number;
  /** Keep what a truncated or damaged file still holds; the rest is gray. Default false: a typed error. */
  partial?: boolean;
  /**
   * Decode to 1/2, 1/4 or 1/8 of the size in both directions, from as many frequencies of each block; equal to
   * libjpeg-turbo's scaled output, not to a resize of the full picture. Default 1.
   */
  scale?: DecodeScale;
  /** Turn the picture upright as its EXIF orientation says. Default false: rows and columns as they are stored. */
  orient?: boolean;
}

export interface DecodedImage {
  width: number;
  height: number;
  /** uint8 [height, width, 3], row-major RGB; gray is repeated. */
  data: Uint8Array;
  /** Stored rows from the top that intact data reached: all unless `partial` kept a damaged file. */
  rowsDecoded: number;
}

export type FrameKind = "baseline" | "extended" | "progressive" | "lossless" | "hierarchical" | "arithmetic";

export interface JpegHeader {
  width: number;
  height: number;
  components: number;
  /** Sampling factors of up to four components, across × down: "2x2,1x1,1x1". */
  sampling: string;
  frame: FrameKind;
  /** Bits a sample. */
  precision: number;
  /** EXIF orientation 1…8, of the segments in front of the frame header; 1 where there is none. */
  orientation: number;
}

function frameKind(marker: number): FrameKind {
  if (marker === 0xc0) return "baseline";
  if (marker === 0xc1) return "extended";
  if (marker === 0xc2) return "progressive";
  if (marker === 0xc3) return "lossless";
  return marker < 0xc8 ? "hierarchical" : "arithmetic";
}

/** Samples across that a block of the finest component becomes. Throws `image/bad-argument`. */
export function blockSide(scale: DecodeScale = 1): number {
  if ([1, 0.5, 0.25, 0.125].includes(scale)) return scale * 8;
  throw new VitrineError("image/bad-argument", `decode scale ${scale}: allowed are 1, 1/2, 1/4 and 1/8`, {
    details: { scale },
  });
}

/** Throws `jpeg/not-jpeg` for an empty file and for one of another known kind, which it names. */
export function requireBytes(bytes: Uint8Array, name: string | undefined): void {
  const kind = bytes.length > 0 ? foreignKind(bytes) : undefined;
  if (bytes.length > 0 && kind === undefined) return;
  const where = name === undefined ? "" : `${name}: `;
  const what =
    kind === undefined ? "the file is empty" : `not a JPEG file but ${kind}: convert it to JPEG first`;
  throw new VitrineError("jpeg/not-jpeg", where + what, { details: { subject: name, kind } });
}

/** Most frame headers lie within; pictures and profiles embedded in front of one may push it far back. */
const HEADER_BYTES = 32_768;

function readFrameOf(call: ImageCall, bytes: Uint8Array): Status {
  call.input(bytes);
  return call.exports.readJpegHeader(bytes.length);
}

/**
 * Width, height and kind of a JPEG file, read up to its frame header; also of kinds that are not decoded.
 * Throws `jpeg/not-jpeg`, `jpeg/truncated`, `jpeg/corrupt`.
 */
export function readHeader(
  module: ImageModule,
  bytes: Uint8Array,
  options: { name?: string } = {},
): JpegHeader {
  requireBytes(bytes, options.name);
  return module.run(options.name, (call) => {
    const { exports } = call;
    let status = readFrameOf(call, bytes.subarray(0, HEADER_BYTES));
    if (status === Status.Truncated && bytes.length > HEADER_BYTES) status = readFrameOf(call, bytes);
    call.check(status);
    const components = exports.pictureComponents() >>> 0;
    const factors = Array.from({ length: Math.min(components, 4) }, (_, i) => exports.pictureSampling(i));
    return {
      width: exports.pictureWidth(),
      height: exports.pictureHeight(),
      components,
      sampling: samplingText(factors),
      frame: frameKind(exports.pictureFrame()),
      precision: exports.picturePrecision(),
      orientation: exports.pictureOrientation(),
    };
  });
}

/**
 * Decodes a JPEG file to RGB, equal to libjpeg-turbo's default (islow IDCT, fancy upsampling) byte for byte.
 * Throws `jpeg/not-jpeg`, `jpeg/truncated`, `jpeg/corrupt`, `jpeg/too-large`, `jpeg/unsupported-…`,
 * `image/out-of-memory`, `image/buffer-too-small`.
 */
export function decode(module: ImageModule, bytes: Uint8Array, options: DecodeOptions = {}): DecodedImage {
  requireBytes(bytes, options.name);
  return module.run(options.name, (call) => {
    const { exports } = call;
    call.input(bytes);
    const limit = options.pixelLimit ?? DEFAULT_PIXEL_LIMIT;
    const partial = options.partial === true ? 1 : 0;
    const side = blockSide(options.scale);
    const size = () => exports.pictureWidth() * exports.pictureHeight() * 3;
    // A picture that may have to be turned must be whole first.
    const whole = options.orient === true;
    const rows = whole ? undefined : call.receiveRows(size, options.into);
    call.check(exports.decodeJpegScaled(bytes.length, limit, partial, side, whole ? 0 : 1));
    if (whole) call.check(exports.orientPicture());
    return {
      width: exports.pictureWidth(),
      height: exports.pictureHeight(),
      data: rows?.data ?? call.take(Region.Rgb, size(), options.into),
      rowsDecoded: exports.pictureRows(),
    };
  });
}
