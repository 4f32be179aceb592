// GIF: the first image, on the screen that it belongs to; equal to Pillow's first frame in RGB, transparency dropped.

import { FileBytes } from "./file-bytes.js";
import { type Format, type FormatOptions, type Pixels, paletteOf, requireSize } from "./format.js";

const MOST_CODES = 4096;
const IMAGE = 0x2c;
const EXTENSION = 0x21;
const GRAPHIC_CONTROL = 0xf9;
/** First row and step of the passes of an interlaced image. */
const PASSES = [
  [0, 8],
  [4, 8],
  [2, 4],
  [1, 2],
] as const;

interface Frame {
  /** The screen, grown to contain the image. */
  width: number;
  height: number;
  /** The image's place on the screen. */
  left: number;
  top: number;
  across: number;
  down: number;
  interlaced: boolean;
  /** RGB of every index, u8 [256, 3]. */
  palette: Uint8Array;
  /** Index of the pixels around the image. */
  background: number;
  /** Byte of the minimum code size; the data follows. */
  dataAt: number;
}

/** Where the sub-blocks from `at` on end. */
function skipBlocks(bytes: FileBytes, at: number): number {
  for (;;) {
    const length = bytes.u8(at);
    if (length === 0) return at + 1;
    at += 1 + length;
  }
}

function readFrame(bytes: FileBytes): Frame {
  let width = bytes.u16(6);
  let height = bytes.u16(8);
  const flags = bytes.u8(10);
  let at = 13;
  let colors: Uint8Array | undefined;
  const readColors = (packed: number): void => {
    const length = 3 << ((packed & 7) + 1);
    colors = bytes.bytes(at, length);
    at += length;
  };
  if (flags & 0x80) readColors(flags);
  let background = 0;
  for (;;) {
    const kind = bytes.u8(at++);
    if (kind === EXTENSION) {
      if (bytes.u8(at) === GRAPHIC_CONTROL && bytes.u8(at + 1) >= 4 && bytes.u8(at + 2) & 1)
        background = bytes.u8(at + 5);
      at = skipBlocks(bytes, at + 1);
    } else if (kind === IMAGE) break;
    else if (kind === 0x3b) throw bytes.corrupt("it has no image");
  }
  const [left, top] = [bytes.u16(at), bytes.u16(at + 2)];
  const [across, down] = [bytes.u16(at + 4), bytes.u16(at + 6)];
  const packed = bytes.u8(at + 8);
  at += 9;
  if (packed & 0x80) readColors(packed);
  width = Math.max(width, left + across);
  height = Math.max(height, top + down);
  const interlaced = (packed & 0x40) !== 0;
  return {
    width,
    height,
    left,
    top,
    across,
    down,
    interlaced,
    palette: paletteOf(colors ?? new Uint8Array(0)),
    background,
    dataAt: at,
  };
}

/** The sub-blocks from `at` on, joined; where the file ends, what there is of them. */
function joinBlocks({ file }: FileBytes, at: number): Uint8Array {
  const joined = new Uint8Array(file.length - Math.min(at, file.length));
  let length = 0;
  while (at < file.length && file[at] > 0) {
    const block = file.subarray(at + 1, at + 1 + file[at]);
    joined.set(block, length);
    length += block.length;
    at += 1 + file[at];
  }
  return joined.subarray(0, length);
}

/**
 * LZW codes, least significant bit first → indices. Returns how many were written before the data ended; −1 where a
 * code is impossible.
 */
function expand(data: Uint8Array, minimumBits: number, into: Uint8Array): number {
  const clear = 1 << minimumBits;
  const prefix = new Uint16Array(MOST_CODES);
  const suffix = new Uint8Array(MOST_CODES);
  const lengths = new Uint16Array(MOST_CODES).fill(1);
  for (let i = 0; i < clear; i++) suffix[i] = i;
  let next = clear + 2;
  let width = minimumBits + 1;
  let previous = -1;
  let first = 0;
  let held = 0;
  let bits = 0;
  let at = 0;
  let to = 0;
  while (to < into.length) {
    while (bits < width) {
      if (at >= data.length) return to;
      held |= data[at++] << bits;
      bits += 8;
    }
    const code = held & ((1 << width) - 1);
    held >>>= width;
    bits -= width;
    if (code === clear) {
      next = clear + 2;
      width = minimumBits + 1;
      previous = -1;
      continue;
    }
    if (code === clear + 1) return to;
    if (code > next || (code === next && previous < 0) || (code > clear && code >= next && previous < 0))
      return -1;
    if (code === next && next >= MOST_CODES) return -1;
    // The newest code, which is not yet defined, repeats the previous one and its first index.
    const known = code < next ? code : previous;
    const length = lengths[known] + (code < next ? 0 : 1);
    let place = to + lengths[known] - 1;
    let walk = known;
    for (; walk >= clear; walk = prefix[walk], place--) if (place < into.length) into[place] = suffix[walk];
    if (place < into.length) into[place] = walk;
    const head = walk;
    if (code === next && to + length - 1 < into.length) into[to + length - 1] = head;
    first = head;
    to += length;
    if (previous >= 0 && next < MOST_CODES) {
      prefix[next] = previous;
      suffix[next] = first;
      lengths[next] = lengths[previous] + 1;
      next++;
      if (next === 1 << width && width < 12) width++;
    }
    previous = code;
  }
  return into.length;
}

/** Row of the image that its `place`-th row of data is. */
function rowOrder(down: number, interlaced: boolean): number[] {
  if (!interlaced) return Array.from({ length: down }, (_, row) => row);
  const order: number[] = [];
  for (const [first, step] of PASSES) for (let row = first; row < down; row += step) order.push(row);
  return order;
}

function decode(file: Uint8Array, options: FormatOptions): Pixels {
  const bytes = new FileBytes(file, "GIF", options.name);
  const frame = readFrame(bytes);
  requireSize("GIF", frame, options);
  const { width, height, left, top, across, down, interlaced, palette, background, dataAt } = frame;
  if (across === 0 || down === 0) throw bytes.corrupt("its first image has no pixels");
  const minimumBits = bytes.u8(dataAt);
  if (minimumBits < 1 || minimumBits > 11) throw bytes.corrupt(`codes of ${minimumBits} bits`);
  const data = joinBlocks(bytes, dataAt + 1);
  // A code is at least two bits long and stands for fewer than 4,096 pixels.
  if (across * down > data.length * 4 * MOST_CODES && !options.partial) throw bytes.truncated(0, height);
  const indices = new Uint8Array(across * down).fill(background);
  const written = expand(data, minimumBits, indices);
  if (written < 0 && !options.partial) throw bytes.corrupt("an impossible code");
  const complete = written < 0 ? 0 : Math.trunc(written / across);
  if (complete < down && !options.partial) throw bytes.truncated(complete, height);

  const rgb = new Uint8Array(width * height * 3);
  const color = palette.subarray(background * 3, background * 3 + 3);
  if (across < width || down < height) for (let to = 0; to < rgb.length; to += 3) rgb.set(color, to);
  rowOrder(down, interlaced).forEach((row, place) => {
    let to = ((top + row) * width + left) * 3;
    for (let from = place * across; from < (place + 1) * across; from++, to += 3) {
      const entry = indices[from] * 3;
      rgb[to] = palette[entry];
      rgb[to + 1] = palette[entry + 1];
      rgb[to + 2] = palette[entry + 2];
    }
  });
  const rowsDecoded = complete >= down ? height : interlaced ? 0 : top + complete;
  return { width, height, data: rgb, rowsDecoded };
}

export const gif: Format = {
  readSize(file, name) {
    const { width, height } = readFrame(new FileBytes(file, "GIF", name));
    return { width, height, orientation: 1 };
  },
  decode,
};
