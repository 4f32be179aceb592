// BMP: Windows bitmaps, uncompressed, with bit fields or run lengths; equal to Pillow's.

import { FileBytes } from "./file-bytes.js";
import { type Format, type FormatOptions, type Pixels, paletteOf, requireSize } from "./format.js";

const RAW = 0;
const RLE8 = 1;
const RLE4 = 2;
const BIT_FIELDS = 3;

interface Header {
  width: number;
  height: number;
  /** Rows are stored from the top. */
  fromTop: boolean;
  bits: number;
  compression: number;
  /** RGB of every index, u8 [256, 3]. */
  palette: Uint8Array;
  /** Of 16 and 32 bits: where the bits of red, green and blue are. */
  masks: readonly number[];
  dataAt: number;
}

const MASKS: Record<number, readonly number[]> = {
  16: [0x7c00, 0x3e0, 0x1f],
  24: [0xff0000, 0xff00, 0xff],
  32: [0xff0000, 0xff00, 0xff],
};

/** The masks that Pillow reads. */
const KNOWN_MASKS: Record<number, readonly string[]> = {
  16: ["f800,7e0,1f", "7c00,3e0,1f"],
  24: ["ff0000,ff00,ff"],
  32: ["ff0000,ff00,ff", "ff000000,ff0000,ff00", "ff,ff00,ff0000"],
};

function readHeader(bytes: FileBytes): Header {
  const headerBytes = bytes.u32(14);
  const dataOffset = bytes.u32(10);
  if (headerBytes === 12) {
    const bits = bytes.u16(24);
    const at = 26;
    const palette = readPalette(bytes, at, bits <= 8 ? 1 << bits : 0, 3);
    const size = { width: bytes.u16(18), height: bytes.u16(20), fromTop: false };
    return { ...size, bits, compression: RAW, palette, masks: MASKS[bits] ?? [], dataAt: dataOffset };
  }
  if (![40, 52, 56, 64, 108, 124].includes(headerBytes))
    throw bytes.unsupported(`a header of ${headerBytes} bytes`);
  const rows = bytes.i32(22);
  const bits = bytes.u16(28);
  const compression = bytes.u32(30);
  const colors = Math.min(bytes.u32(46), 256) || (bits <= 8 ? 1 << bits : 0);
  let at = 14 + headerBytes;
  let masks = MASKS[bits] ?? [];
  if (compression === BIT_FIELDS) {
    masks = [54, 58, 62].map((place) => bytes.u32(place));
    if (headerBytes === 40) at += 12;
    const text = masks.map((mask) => mask.toString(16)).join(",");
    if (text === "0,0,0" && bits === 32) masks = MASKS[32];
    else if (!KNOWN_MASKS[bits]?.includes(text)) throw bytes.unsupported(`bit fields ${text}`);
  }
  const palette = readPalette(bytes, at, bits <= 8 ? colors : 0, 4);
  return {
    width: bytes.i32(18),
    height: Math.abs(rows),
    fromTop: rows < 0,
    bits,
    compression,
    palette,
    masks,
    // Some writers state an offset that forgets the palette.
    dataAt: bits <= 8 && dataOffset === 14 + headerBytes ? dataOffset + 4 * colors : dataOffset,
  };
}

function readPalette(bytes: FileBytes, at: number, colors: number, stride: 3 | 4): Uint8Array {
  const palette = new Uint8Array(3 * colors);
  for (let i = 0; i < colors; i++) {
    const [blue, green, red] = bytes.bytes(at + i * stride, 3);
    palette.set([red, green, blue], 3 * i);
  }
  return paletteOf(palette);
}

/** Run lengths → indices of rows in the order of the file; pixels that no run covers have index 0. */
function expandRuns(bytes: FileBytes, { width, height, dataAt, compression }: Header): Uint8Array {
  const { file } = bytes;
  const indices = new Uint8Array(width * height);
  const nibbles = compression === RLE4;
  let at = dataAt;
  let [x, y] = [0, 0];
  const put = (value: number): void => {
    if (x < width && y < height) indices[y * width + x] = value;
    x++;
  };
  const valueAt = (from: number, i: number): number =>
    nibbles ? (i & 1 ? file[from + (i >> 1)] & 15 : file[from + (i >> 1)] >> 4) : file[from + i];
  while (at + 2 <= file.length && y < height) {
    const [count, second] = [file[at], file[at + 1]];
    at += 2;
    if (count > 0) {
      for (let i = 0; i < count; i++) put(nibbles ? (i & 1 ? second & 15 : second >> 4) : second);
    } else if (second === 0) [x, y] = [0, y + 1];
    else if (second === 1) return indices;
    else if (second === 2) {
      [x, y] = [x + bytes.u8(at), y + bytes.u8(at + 1)];
      at += 2;
    } else {
      const length = nibbles ? (second + 1) >> 1 : second;
      bytes.bytes(at, length);
      for (let i = 0; i < second; i++) put(valueAt(at, i));
      at += length + (length & 1);
    }
  }
  return indices;
}

/** Lowest bit and number of bits of a mask. */
function fieldOf(mask: number): { shift: number; most: number } {
  const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
  return { shift, most: mask >>> shift };
}

function decode(file: Uint8Array, options: FormatOptions): Pixels {
  const bytes = new FileBytes(file, "BMP", options.name);
  const header = readHeader(bytes);
  requireSize("BMP", header, options);
  const { width, height, fromTop, bits, compression, palette, masks, dataAt } = header;
  const runs = compression === RLE8 || compression === RLE4;
  if (!runs && compression !== RAW && compression !== BIT_FIELDS)
    throw bytes.unsupported(`compression ${compression}`);
  if (![1, 4, 8, 16, 24, 32].includes(bits) || (runs && bits !== (compression === RLE8 ? 8 : 4)))
    throw bytes.unsupported(`${bits} bits per pixel`);
  const rowBytes = (width * bits + 7) >> 3;
  const stride = ((width * bits + 31) >> 5) * 4;
  const available = Math.trunc((file.length - dataAt + stride - rowBytes) / stride);
  const rows = runs ? height : Math.max(0, Math.min(height, available));
  if (rows < height && !options.partial) throw bytes.truncated(rows, height);

  const indices = runs ? expandRuns(bytes, header) : undefined;
  const data = new Uint8Array(width * height * 3);
  const fields = masks.map(fieldOf);
  for (let row = 0; row < rows; row++) {
    let to = (fromTop ? row : height - 1 - row) * width * 3;
    const from = dataAt + row * stride;
    for (let x = 0; x < width; x++, to += 3) {
      if (bits <= 8) {
        const shift = 8 - bits - ((x * bits) & 7);
        const index = indices
          ? indices[row * width + x]
          : (file[from + ((x * bits) >> 3)] >> shift) & ((1 << bits) - 1);
        data[to] = palette[3 * index];
        data[to + 1] = palette[3 * index + 1];
        data[to + 2] = palette[3 * index + 2];
      } else if (bits === 16) {
        const value = file[from + 2 * x] | (file[from + 2 * x + 1] << 8);
        for (let c = 0; c < 3; c++) {
          const { shift, most } = fields[c];
          data[to + c] = Math.trunc((((value >> shift) & most) * 255) / most);
        }
      } else {
        const at = from + (x * bits) / 8;
        for (let c = 0; c < 3; c++) data[to + c] = file[at + (fields[c].shift >> 3)];
      }
    }
  }
  return { width, height, data, rowsDecoded: rows };
}

export const bmp: Format = {
  readSize(file, name) {
    const { width, height } = readHeader(new FileBytes(file, "BMP", name));
    return { width, height, orientation: 1 };
  },
  decode,
};
