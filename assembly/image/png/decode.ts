// Decode: a PNG file in Region.Input → RGB in Region.Rgb, as Pillow's convert("RGB"): transparency is dropped and not
// applied, samples of 16 bits keep their high byte.

import { fail, regionStart, reserve } from "../call";
import { PngFault, Region, Status } from "../contract";
import { picture, resetPicture } from "../jpeg/picture";
import { png, readChunks } from "./chunks";
import { Inflated, inflate } from "./inflate";
import { completeRows, neededBytes, startRows, takeRowBytes } from "./rows";

/** Deflate cannot expand data further: 258 bytes from two bits. */
const MOST_EXPANSION: u64 = 1032;

/** Reads the file of `length` bytes in Region.Input up to its pixels: size and orientation. */
export function readPngHeader(length: usize): Status {
  resetPicture();
  return readChunks(regionStart(Region.Input), length, Infinity, true);
}

/**
 * Decodes the file of `length` bytes in Region.Input to Region.Rgb, u8 [height, width, 3]. More than `pixelLimit`
 * pixels, and pixels that the data cannot contain, are refused before memory is reserved. With `partial`, what a
 * damaged file lacks is black, and `picture.rowsDecoded` is the number of complete rows.
 */
export function decodePng(length: usize, pixelLimit: f64, partial: bool): Status {
  resetPicture();
  const start = regionStart(Region.Input);
  const status = readChunks(start, length, pixelLimit, false);
  if (status !== Status.Ok) return status;
  const needed = neededBytes();
  const available = <u64>(png.dataEnd - png.dataStart) * MOST_EXPANSION;
  if (needed > available && !partial) return fail(Status.PngTruncated, length, 0, picture.height);
  const bytes = <u64>picture.width * <u64>picture.height * 3;
  const pixels = bytes < 1 << 31 ? reserve(Region.Rgb, <usize>bytes) : 0;
  if (pixels === 0) return fail(Status.OutOfMemory, 0);
  const started = startRows(pixels);
  if (started !== Status.Ok) return started;
  if (partial) memory.fill(pixels, 0, <usize>bytes);
  const result = inflate(png.dataStart, png.dataEnd, needed, takeRowBytes);
  picture.rowsDecoded = completeRows();
  if (result === Inflated.Ok) return Status.Ok;
  if (result === Inflated.OutOfMemory) return fail(Status.OutOfMemory, 0);
  if (partial) return Status.Ok;
  if (result === Inflated.Truncated) return fail(Status.PngTruncated, length, completeRows(), picture.height);
  const fault = result === Inflated.Refused ? PngFault.Filter : PngFault.Data;
  return fail(Status.PngCorrupt, png.dataStart - start, fault, completeRows());
}
