// Decode: JPEG bytes → RGB pixels, of a whole picture or of a crop, and the header of a file without decoding it.

import { Region, Status } from "../../assembly/image/contract.js";
import type { Box } from "../draw/draw.js";
import { VitrineError } from "../errors.js";
import { samplingText, subjectPrefix } from "./failure.js";
import type { ImageCall, ImageModule } from "./image-module.js";
import { pictureKind } from "./picture-format.js";

/** Pillow's: a header that claims more pixels is refused before memory is reserved. */
export const DEFAULT_PIXEL_LIMIT = 178_956_970;

/** Linear scale of a decode: from 8, 4, 2 or 1 of 8 frequencies of each block in both directions. */
export type DecodeScale = 1 | 0.5 | 0.25 | 0.125;

/** Limits, scale and buffers of a decode. */
export interface DecodeOptions {
  /** Names the image in errors, for example its file name. */
  name?: string;
  /**
   * Buffer for the pixels, at least width · height · 3 bytes. Default: a new one. Rows are written as they are
   * decoded, so it may be partly filled if the call throws.
   */
  into?: Uint8Array;
  /** Largest number of pixels that a header may claim. Default 178,956,970. */
  pixelLimit?: number;
  /** Keep the intact part of a truncated or damaged file; the rest is gray. Default false: a typed error. */
  partial?: boolean;
  /**
   * Decode to 1/2, 1/4 or 1/8 of the size in both directions, from as many frequencies of each block; equal to
   * libjpeg-turbo's scaled output, not to a resize of the full picture. Default 1.
   */
  scale?: DecodeScale;
  /** Make the picture upright by its EXIF orientation. Default false: rows and columns as stored. */
  orient?: boolean;
}

/** A decoded picture. */
export interface DecodedImage {
  /** In pixels. */
  width: number;
  height: number;
  /** uint8 [height, width, 3], row-major RGB; gray is repeated. */
  data: Uint8Array;
  /** Stored rows from the top that intact data covers: all of them unless `partial` kept a damaged file. */
  rowsDecoded: number;
}

/** A decoded crop. */
export interface DecodedCrop {
  /** The crop's size in pixels. */
  width: number;
  height: number;
  /** uint8 [height, width, 3], row-major RGB. */
  data: Uint8Array;
  /** Size of the whole picture at `scale`. */
  pictureWidth: number;
  pictureHeight: number;
}

/** Process of the frame (ITU-T T.81). Only the first three are decoded. */
export type FrameKind = "baseline" | "extended" | "progressive" | "lossless" | "hierarchical" | "arithmetic";

/** What the header of a JPEG file says. */
export interface JpegHeader {
  /** In pixels, as stored. */
  width: number;
  height: number;
  /** 1 gray, 3 color, 4 CMYK. */
  components: number;
  /** Sampling factors of up to four components, across × down: "2x2,1x1,1x1". */
  sampling: string;
  frame: FrameKind;
  /** Bits per sample. */
  precision: number;
  /** EXIF orientation 1…8, from the segments before the frame header; 1 if there is none. */
  orientation: number;
}

/**
 * Decodes a JPEG file to RGB, equal to libjpeg-turbo's default (islow IDCT, fancy upsampling, block smoothing) byte for
 * byte; CMYK and YCCK as Pillow converts them.
 *
 * Throws `jpeg/not-jpeg`, `jpeg/truncated`, `jpeg/corrupt`, `jpeg/too-large`, `jpeg/too-many-scans`,
 * `jpeg/unsupported-…`, `image/out-of-memory`, `image/buffer-too-small`, `image/bad-argument` for a scale.
 */
export function decode(module: ImageModule, bytes: Uint8Array, options: DecodeOptions = {}): DecodedImage {
  requireBytes(bytes, options.name);
  return module.run(options.name, (call) => {
    const { exports } = call;
    call.put(Region.Input, bytes);
    const limit = options.pixelLimit ?? DEFAULT_PIXEL_LIMIT;
    const partial = options.partial === true ? 1 : 0;
    const side = blockSide(options.scale);
    const size = () => exports.pictureWidth() * exports.pictureHeight() * 3;
    // A picture that may have to be rotated must be complete first.
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

/**
 * Decodes a rectangle of a JPEG picture: the same bytes as decoding everything at `scale` and cropping, without the
 * work for the other pixels. `crop` refers to the picture as stored, at `scale`. Outside the crop's minimum coded
 * units only code lengths are read, and reading stops below the crop's last row: damage below it goes unnoticed, but
 * a file without its end marker is read to the end, to detect truncation.
 *
 * Throws what `decode` throws, and `image/bad-argument` for a crop outside the picture.
 */
export function decodeCrop(
  module: ImageModule,
  bytes: Uint8Array,
  crop: Box,
  options: Omit<DecodeOptions, "orient"> = {},
): DecodedCrop {
  requireBytes(bytes, options.name);
  const { left, top, width, height } = crop;
  return module.run(options.name, (call) => {
    const { exports } = call;
    call.put(Region.Input, bytes);
    const limit = options.pixelLimit ?? DEFAULT_PIXEL_LIMIT;
    const partial = options.partial === true ? 1 : 0;
    const side = blockSide(options.scale);
    const rows = call.receiveRows(() => width * height * 3, options.into);
    call.check(exports.decodeJpegWindow(bytes.length, limit, partial, side, left, top, width, height, 1));
    return {
      width,
      height,
      data: rows.data,
      pictureWidth: exports.pictureWidth(),
      pictureHeight: exports.pictureHeight(),
    };
  });
}

/** Side in samples that a block of the finest component becomes. Throws `image/bad-argument`. */
function blockSide(scale: DecodeScale = 1): number {
  if ([1, 0.5, 0.25, 0.125].includes(scale)) return scale * 8;
  throw new VitrineError("image/bad-argument", `decode scale ${scale}: allowed are 1, 1/2, 1/4 and 1/8`, {
    details: { scale },
  });
}

/** Most frame headers are within this; embedded pictures and profiles can move one far back. */
const HEADER_BYTES = 32_768;

function readFrameOf(call: ImageCall, bytes: Uint8Array): Status {
  call.put(Region.Input, bytes);
  return call.exports.readJpegHeader(bytes.length);
}

function frameKind(marker: number): FrameKind {
  if (marker === 0xc0) return "baseline";
  if (marker === 0xc1) return "extended";
  if (marker === 0xc2) return "progressive";
  if (marker === 0xc3) return "lossless";
  return marker < 0xc8 ? "hierarchical" : "arithmetic";
}

/**
 * Reads the header of a JPEG file up to its frame, also of kinds that are not decoded. `name` names the image in
 * errors.
 *
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

/** Throws `jpeg/not-jpeg` for an empty file and for one of another known format, which it names. */
function requireBytes(bytes: Uint8Array, name: string | undefined): void {
  const kind = pictureKind(bytes);
  if (bytes.length > 0 && (kind === undefined || kind === "JPEG")) return;
  const what = kind === undefined ? "the file is empty" : `not a JPEG file but ${kind}`;
  throw new VitrineError("jpeg/not-jpeg", subjectPrefix(name) + what, {
    details: { subject: name, ...(kind !== undefined && { kind }) },
  });
}
