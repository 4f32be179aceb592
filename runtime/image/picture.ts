// Picture: a file of any format that Vitrine reads → pixels, or a model's input. JPEG and PNG are decoded inside the
// image module; the decoders of other formats give their pixels to it. From there on every format takes the same path.

import { Region } from "../../assembly/image/contract.js";
import type { SampleDraw } from "../draw/draw.js";
import { isVitrineError } from "../errors.js";
import { DEFAULT_PIXEL_LIMIT, type DecodedImage, type DecodeScale, decode, readHeader } from "./decode.js";
import { type EvaluationOptions, transformArguments } from "./evaluation-input.js";
import { avif } from "./formats/avif.js";
import { bmp } from "./formats/bmp.js";
import type { Format, PictureSize, Pixels } from "./formats/format.js";
import { gif } from "./formats/gif.js";
import { ppm } from "./formats/ppm.js";
import { tiff } from "./formats/tiff.js";
import { webp } from "./formats/webp.js";
import type { ImageCall, ImageModule } from "./image-module.js";
import { type PictureFormat, requirePictureFormat } from "./picture-format.js";
import { type TrainingOptions, trainingInput, trainingInputOfCall } from "./training-input.js";

type OtherFormat = Exclude<PictureFormat, "JPEG" | "PNG">;

const FORMATS: Record<OtherFormat, Format> = {
  WebP: webp,
  GIF: gif,
  BMP: bmp,
  TIFF: tiff,
  AVIF: avif,
  PPM: ppm,
};

/** What the header of a picture file says. */
export interface PictureHeader extends PictureSize {
  format: PictureFormat;
}

/** Limits of reading a picture. */
export interface ReadOptions {
  /** Names the file in errors. */
  name?: string;
  /** Largest number of pixels that a header may claim. Default 178,956,970, Pillow's. */
  pixelLimit?: number;
  /** Keep the rows that a damaged file still has: the others are gray (JPEG) or black. Default false: a typed error. */
  partial?: boolean;
  /**
   * Decode a JPEG picture of more than `pixelLimit` pixels at 1/2, 1/4 or 1/8 of its size instead of refusing it.
   * Default false.
   */
  shrink?: boolean;
}

/** How a picture is decoded. */
export interface PictureOptions extends ReadOptions {
  /** Make the picture upright by its EXIF orientation. Default false: rows and columns as stored. */
  orient?: boolean;
}

/** A decoded picture, and what it was decoded from. */
export interface DecodedPicture extends DecodedImage {
  format: PictureFormat;
}

/**
 * Reads format, size and orientation of a picture file from its header. Throws `image/unknown-format`, `image/corrupt`,
 * `image/truncated`, and what `readHeader` throws about JPEG files.
 */
export function readPictureHeader(
  module: ImageModule,
  file: Uint8Array,
  { name }: { name?: string } = {},
): PictureHeader {
  const format = requirePictureFormat(file, name);
  if (format === "JPEG") {
    const { width, height, orientation } = readHeader(module, file, { name });
    return { format, width, height, orientation };
  }
  if (format !== "PNG") return { format, ...FORMATS[format].readSize(file, name) };
  return module.run(name, (call) => {
    call.put(Region.Input, file);
    call.check(call.exports.readPngHeader(file.length));
    return { format, ...sizeOf(call), orientation: call.exports.pictureOrientation() };
  });
}

function sizeOf({ exports }: ImageCall): { width: number; height: number } {
  return { width: exports.pictureWidth(), height: exports.pictureHeight() };
}

/** Decodes the picture into Region.Rgb of a call; then the exports give its size, orientation and rows. */
type Loader = (call: ImageCall) => void;

/** Samples per block, 8 to 1, with which a JPEG picture is decoded to at most `limit` pixels; 1 where none suffices. */
function blockSideFor({ width, height }: PictureSize, limit: number): 8 | 4 | 2 | 1 {
  for (const side of [8, 4, 2] as const)
    if (Math.ceil((width * side) / 8) * Math.ceil((height * side) / 8) <= limit) return side;
  return 1;
}

interface Scaled {
  side: 8 | 4 | 2 | 1;
  /** Of the picture at full size. */
  pixelLimit: number;
}

function scaled(module: ImageModule, jpeg: Uint8Array, options: ReadOptions): Scaled {
  const { pixelLimit = DEFAULT_PIXEL_LIMIT, shrink = false, name } = options;
  const side = shrink ? blockSideFor(readPictureHeader(module, jpeg, { name }), pixelLimit) : 8;
  return { side, pixelLimit: side === 8 ? pixelLimit : pixelLimit * (8 / side) ** 2 };
}

interface Opened {
  load: Loader;
  /** Linear scale at which it is decoded; not 1 only for JPEG. */
  scale: DecodeScale;
}

/** Loads what the format needs, and chooses the scale. */
async function openPicture(
  module: ImageModule,
  file: Uint8Array,
  format: PictureFormat,
  options: ReadOptions,
): Promise<Opened> {
  const { name, partial = false } = options;
  const limit = options.pixelLimit ?? DEFAULT_PIXEL_LIMIT;
  if (format === "JPEG") {
    const { side, pixelLimit } = scaled(module, file, options);
    const load: Loader = (call) => {
      call.put(Region.Input, file);
      call.check(call.exports.decodeJpegScaled(file.length, pixelLimit, partial ? 1 : 0, side, 0));
    };
    return { load, scale: (side / 8) as DecodeScale };
  }
  if (format === "PNG") return { load: loadPng(file, limit, partial), scale: 1 };
  const decoder = FORMATS[format];
  const read = (keep: boolean): Pixels | Promise<Pixels> =>
    decoder.decode(file, { name, pixelLimit: limit, partial: keep }, module);
  const { orientation } = decoder.readSize(file, name);
  let pixels = await read(partial);
  if (partial && pixels.rowsDecoded === 0) pixels = await read(false);
  const load: Loader = (call) => {
    const { width, height, data, rowsDecoded } = pixels;
    call.put(Region.Rgb, data);
    call.exports.setPicture(width, height, orientation, rowsDecoded);
  };
  return { load, scale: 1 };
}

/** A file of which no row is left is decoded strictly, for the error that tells why. */
function loadPng(file: Uint8Array, limit: number, partial: boolean): Loader {
  return (call) => {
    call.put(Region.Input, file);
    call.check(call.exports.decodePng(file.length, limit, partial ? 1 : 0));
    if (!partial || call.exports.pictureRows() > 0) return;
    // A decode joins the file's chunks in place.
    call.put(Region.Input, file);
    call.check(call.exports.decodePng(file.length, limit, 0));
  };
}

/**
 * Decodes a picture file of any format to RGB, equal to Pillow's `convert("RGB")`; docs/image.md states the exceptions.
 * Transparency is dropped: the color under it stays. Of an animation, the first frame.
 *
 * Throws `image/unknown-format`, `image/truncated`, `image/corrupt`, `image/unsupported`, `image/too-large`,
 * `image/out-of-memory`, and what `decode` throws about JPEG files.
 */
export async function decodePicture(
  module: ImageModule,
  file: Uint8Array,
  options: PictureOptions = {},
): Promise<DecodedPicture> {
  const { name, orient = false, partial } = options;
  const format = requirePictureFormat(file, name);
  if (format === "JPEG") {
    const { side, pixelLimit } = scaled(module, file, options);
    const scale = (side / 8) as DecodeScale;
    return { format, ...decode(module, file, { name, orient, partial, scale, pixelLimit }) };
  }
  const { load } = await openPicture(module, file, format, options);
  return module.run(name, (call) => {
    load(call);
    if (orient) call.check(call.exports.orientPicture());
    const size = sizeOf(call);
    const data = call.take(Region.Rgb, size.width * size.height * 3);
    return { format, ...size, data, rowsDecoded: call.exports.pictureRows() };
  });
}

/** A model's input, and the picture that it was made from. */
export interface EvaluatedPicture {
  /** uint8 [size, size, 3], RGB. */
  pixels: Uint8Array;
  format: PictureFormat;
  /** Size of the whole picture in pixels, upright where it was turned. */
  width: number;
  height: number;
  /** Linear scale at which it was decoded. */
  scale: DecodeScale;
}

/**
 * As `evaluationInput`, of a picture file of any format. With `shrink`, a JPEG picture that does not fit into the
 * module's memory is decoded smaller too. Throws what `decodePicture` throws.
 */
export async function evaluatePicture(
  module: ImageModule,
  file: Uint8Array,
  options: EvaluationOptions & ReadOptions,
): Promise<Uint8Array> {
  return (await evaluateFile(module, file, options)).pixels;
}

/** As `evaluatePicture`, with the facts of the picture. */
export async function evaluateFile(
  module: ImageModule,
  file: Uint8Array,
  options: EvaluationOptions & ReadOptions,
): Promise<EvaluatedPicture> {
  try {
    return await evaluateOnce(module, file, options);
  } catch (error) {
    const { name, shrink = false, pixelLimit = DEFAULT_PIXEL_LIMIT } = options;
    if (!shrink || !isVitrineError(error) || error.code !== "image/out-of-memory") throw error;
    const header = readPictureHeader(module, file, { name });
    const fewer = Math.ceil(Math.min(header.width * header.height, pixelLimit) / 4);
    if (header.format !== "JPEG" || blockSideFor(header, pixelLimit) === 1) throw error;
    return evaluateFile(module, file, { ...options, pixelLimit: fewer });
  }
}

async function evaluateOnce(
  module: ImageModule,
  file: Uint8Array,
  options: EvaluationOptions & ReadOptions,
): Promise<EvaluatedPicture> {
  const { name, size, into, orient = false } = options;
  const { side, filter, mode, down, color } = transformArguments(options);
  const format = requirePictureFormat(file, name);
  const { load, scale } = await openPicture(module, file, format, options);
  const whole = scale === 1 ? undefined : readPictureHeader(module, file, { name });
  return module.run(name, (call) => {
    load(call);
    if (orient) call.check(call.exports.orientPicture());
    const { width, height } = sizeOf(call);
    call.check(call.exports.evaluatePixels(width, height, side, size, filter, mode, down, color));
    const pixels = call.take(Region.Output, size * size * 3, into);
    return { pixels, format, scale, ...(whole ? uprightSize(whole, orient) : { width, height }) };
  });
}

/** The size of a picture as its header says, turned where `orient` turns it. */
function uprightSize({ width, height, orientation }: PictureHeader, orient: boolean) {
  return orient && orientation >= 5 ? { width: height, height: width } : { width, height };
}

/**
 * As `trainingInput`, of a picture file of any format; of JPEG only the crop is decoded. Throws what `decodePicture`
 * throws.
 */
export async function trainPicture(
  module: ImageModule,
  file: Uint8Array,
  draw: SampleDraw,
  options: TrainingOptions,
): Promise<Uint8Array> {
  const format = requirePictureFormat(file, options.name);
  if (format === "JPEG") return trainingInput(module, file, draw, options);
  const { load } = await openPicture(module, file, format, options);
  return trainingInputOfCall(module, draw, options, (call) => {
    load(call);
    const { width, height } = sizeOf(call);
    return () => call.exports.augmentPixels(width, height);
  });
}
