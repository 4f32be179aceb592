// Chunks: what a PNG file (ISO 15948) says before and behind its pixels, and where their data is. Checksums are
// verified where Pillow does: of every chunk before the pixels.

import { fail } from "../call";
import { PngFault, Status } from "../contract";
import { readOrientation, readOrientationOf } from "../jpeg/exif";
import { picture } from "../jpeg/picture";

export enum ColorType {
  Gray = 0,
  Rgb = 2,
  Palette = 3,
  GrayAlpha = 4,
  Rgba = 6,
}

@unmanaged
export class Png {
  color: ColorType;
  /** Bits per sample, and samples per pixel. */
  depth: u32;
  samples: u32;
  interlaced: bool;
  /** The compressed pixels: first and last byte + 1, joined from the chunks that they are spread over. */
  dataStart: usize;
  dataEnd: usize;
}

export const png = changetype<Png>(memory.data(32, 16));
/** RGB0 of every index, u8 [256, 4]; black where the file defines none, as in Pillow. */
export const palette: usize = memory.data(1024, 16);

const HEADER_BYTES: usize = 13;
/** The first eight bytes, as little-endian words. */
const SIGNATURE: u32 = 0x474e5089;
const SIGNATURE_END: u32 = 0x0a1a0a0d;
/** Names as little-endian words. */
const IHDR: u32 = 0x52444849;
const PLTE: u32 = 0x45544c50;
const IDAT: u32 = 0x54414449;
const IEND: u32 = 0x444e4549;
const EXIF: u32 = 0x66495865;

const crcTable: usize = memory.data(1024, 16);

function checksum(at: usize, end: usize): u32 {
  if (load<u32>(crcTable, 4) === 0)
    for (let i: u32 = 0; i < 256; i++) {
      let value = i;
      for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >> 1) ^ 0xedb88320 : value >> 1;
      store<u32>(crcTable + ((<usize>i) << 2), value);
    }
  let crc: u32 = 0xffffffff;
  for (; at < end; at++)
    crc = load<u32>(crcTable + ((<usize>((crc ^ <u32>load<u8>(at)) & 255)) << 2)) ^ (crc >> 8);
  return ~crc;
}

/** Letters and digits only, as Pillow requires. */
function isName(name: u32): bool {
  for (let i = 0; i < 4; i++, name >>= 8) {
    const letter = name & 0xdf;
    const digit = name & 0xff;
    const isLetter = letter >= 0x41 && letter <= 0x5a;
    if (!isLetter && !(digit >= 0x30 && digit <= 0x39) && digit !== 0x5f) return false;
  }
  return true;
}

function corrupt(fault: PngFault, offset: usize): Status {
  return fail(Status.PngCorrupt, offset, fault);
}

/**
 * Reads the chunks of the file of `length` bytes at `start`: fills `picture` (size, orientation), `png` and the palette.
 * With `untilData` it stops at the pixels; otherwise it joins their data in place and looks for an orientation behind
 * them too. More than `pixelLimit` pixels are refused.
 */
export function readChunks(start: usize, length: usize, pixelLimit: f64, untilData: bool): Status {
  if (length < 8) return fail(Status.PngTruncated, length);
  if (load<u32>(start) !== SIGNATURE || load<u32>(start, 4) !== SIGNATURE_END)
    return corrupt(PngFault.Signature, 0);
  const end = start + length;
  let at = start + 8;
  png.depth = 0;
  readPalette(start, 0);
  for (;;) {
    if (end - at < 8) return fail(Status.PngTruncated, length);
    const bytes = <usize>bswap(load<u32>(at));
    const name = load<u32>(at, 4);
    const offset = at - start;
    if (!isName(name)) return corrupt(PngFault.ChunkName, offset);
    if (name === IDAT) break;
    const body = at + 8;
    // A picture that is too large is refused as such even if the file ends right behind its size.
    if (name === IHDR && end - body >= HEADER_BYTES) {
      const status = readHeader(body, bytes, offset, pixelLimit);
      if (status !== Status.Ok) return status;
    }
    if (end - at < 12 || bytes > end - at - 12) return fail(Status.PngTruncated, length);
    if (checksum(at + 4, body + bytes) !== bswap(load<u32>(body + bytes)))
      return corrupt(PngFault.Checksum, offset);
    if (name === PLTE) readPalette(body, bytes);
    else if (name === EXIF) readExif(body, body + bytes);
    else if (name === IEND) return corrupt(PngFault.Header, offset);
    at = body + bytes + 4;
  }
  if (png.depth === 0) return corrupt(PngFault.Header, at - start);
  if (!untilData) joinData(at, end);
  return Status.Ok;
}

function readHeader(body: usize, bytes: usize, offset: usize, pixelLimit: f64): Status {
  if (bytes < HEADER_BYTES) return corrupt(PngFault.Header, offset);
  picture.width = bswap(load<u32>(body));
  picture.height = bswap(load<u32>(body, 4));
  if (picture.width === 0 || picture.height === 0) return corrupt(PngFault.Header, offset);
  const pixels = <f64>picture.width * <f64>picture.height;
  if (pixels > pixelLimit) return fail(Status.PngTooLarge, offset, pixels, pixelLimit);
  const depth = <u32>load<u8>(body, 8);
  const color = <u32>load<u8>(body, 9);
  if (!isColorType(color, depth)) return corrupt(PngFault.ColorType, offset);
  // The only filter method; Pillow does not look at the method of compression.
  if (load<u8>(body, 11) !== 0) return corrupt(PngFault.Header, offset);
  png.color = color;
  png.depth = depth;
  png.samples =
    color === ColorType.Rgb ? 3 : color === ColorType.GrayAlpha ? 2 : color === ColorType.Rgba ? 4 : 1;
  png.interlaced = load<u8>(body, 12) !== 0;
  return Status.Ok;
}

function isColorType(color: u32, depth: u32): bool {
  if (depth === 8) return color === 0 || color === 2 || color === 3 || color === 4 || color === 6;
  if (depth === 16) return color === 0 || color === 2 || color === 4 || color === 6;
  return (depth === 1 || depth === 2 || depth === 4) && (color === 0 || color === 3);
}

function readPalette(body: usize, bytes: usize): void {
  memory.fill(palette, 0, 1024);
  const colors = min<usize>(bytes / 3, 256);
  for (let i: usize = 0; i < colors; i++) {
    store<u16>(palette + i * 4, load<u16>(body + i * 3));
    store<u8>(palette + i * 4, load<u8>(body + i * 3, 2), 2);
  }
}

/** Joins the bodies of the consecutive IDAT chunks from `at` on, and reads an orientation behind them. */
function joinData(at: usize, end: usize): void {
  png.dataStart = at + 8;
  let to = at + 8;
  while (end - at >= 8 && load<u32>(at, 4) === IDAT) {
    const body = at + 8;
    const bytes = min(<usize>bswap(load<u32>(at)), end - body);
    memory.copy(to, body, bytes);
    to += bytes;
    at = end - body - bytes < 4 ? end : body + bytes + 4;
  }
  png.dataEnd = to;
  while (end - at >= 12) {
    const bytes = <usize>bswap(load<u32>(at));
    const name = load<u32>(at, 4);
    if (name === IEND || bytes > end - at - 12) return;
    if (name === EXIF) readExif(at + 8, at + 8 + bytes);
    at += 12 + bytes;
  }
}

/** Some writers put the signature of JPEG's segment in front. */
function readExif(body: usize, end: usize): void {
  picture.orientation = max(readOrientation(body, end), readOrientationOf(body, end));
}
