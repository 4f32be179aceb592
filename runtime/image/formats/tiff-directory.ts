// TIFF directory: the first image's tags (TIFF 6.0), as numbers.

import { FileBytes } from "./file-bytes.js";

export enum Tag {
  Width = 256,
  Height = 257,
  BitsPerSample = 258,
  Compression = 259,
  Photometric = 262,
  FillOrder = 266,
  StripOffsets = 273,
  Orientation = 274,
  SamplesPerPixel = 277,
  RowsPerStrip = 278,
  StripByteCounts = 279,
  Planar = 284,
  Predictor = 317,
  ColorMap = 320,
  TileWidth = 322,
  TileHeight = 323,
  TileOffsets = 324,
  TileByteCounts = 325,
  ExtraSamples = 338,
  SampleFormat = 339,
}

/** Bytes of a value of the types that hold whole numbers: BYTE, SHORT, LONG. */
const TYPE_BYTES: Record<number, number> = { 1: 1, 3: 2, 4: 4 };

export interface Directory {
  bytes: FileBytes;
  /** The values of a tag; `otherwise` where the file has none. */
  values(tag: Tag, otherwise?: readonly number[]): readonly number[];
  /** Its first value. Throws `image/corrupt` for a tag without one and without a default. */
  value(tag: Tag, otherwise?: number): number;
}

/** Reads the tags of the first image. Values are read when they are asked for. */
export function readDirectory(file: Uint8Array, name: string | undefined): Directory {
  const bytes = new FileBytes(file, "TIFF", name, file[0] === 0x49);
  const start = bytes.u32(4);
  const entries = new Map<number, { type: number; count: number; at: number }>();
  const count = bytes.u16(start);
  for (let i = 0; i < count; i++) {
    const at = start + 2 + 12 * i;
    const entry = { type: bytes.u16(at + 2), count: bytes.u32(at + 4), at: at + 8 };
    const size = (TYPE_BYTES[entry.type] ?? 0) * entry.count;
    if (size > 4) entry.at = bytes.u32(entry.at);
    if (!entries.has(bytes.u16(at))) entries.set(bytes.u16(at), entry);
  }
  const values = (tag: Tag, otherwise: readonly number[] = []): readonly number[] => {
    const entry = entries.get(tag);
    if (entry === undefined) return otherwise;
    const { type, at } = entry;
    const size = TYPE_BYTES[type];
    if (size === undefined) return otherwise;
    bytes.bytes(at, size * entry.count);
    const read = size === 1 ? bytes.u8 : size === 2 ? bytes.u16 : bytes.u32;
    return Array.from({ length: entry.count }, (_, i) => read.call(bytes, at + size * i));
  };
  return {
    bytes,
    values,
    value(tag, otherwise) {
      const value = values(tag)[0] ?? otherwise;
      if (value === undefined) throw bytes.corrupt(`tag ${tag} is missing`);
      return value;
    },
  };
}
