// Huge pictures: valid files that are small and claim many pixels, for servers that must stay responsive meanwhile.

import { crc32, deflateSync } from "node:zlib";

const MCU = 16;

function segment(marker: number, body: readonly number[]): Buffer {
  const length = body.length + 2;
  return Buffer.from([0xff, marker, length >> 8, length & 255, ...body]);
}

const word = (value: number): number[] => [value >> 8, value & 255];

/** A table whose only symbol is 0, with the code `0`: a block is two bits, no difference and end of block. */
const ONLY_ZERO = [1, ...Array(15).fill(0), 0];

/** A gray baseline JPEG, 4:2:0 with three components: 0.05 bits a pixel, decoded block by block as any other. */
export function plainJpeg(width: number, height: number): Buffer {
  const quantization = segment(0xdb, [0, ...Array(64).fill(1)]);
  const components = [1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0];
  const frame = segment(0xc0, [8, ...word(height), ...word(width), 3, ...components]);
  const tables = segment(0xc4, [0x00, ...ONLY_ZERO, 0x10, ...ONLY_ZERO]);
  const scan = segment(0xda, [3, 1, 0, 2, 0, 3, 0, 0, 63, 0]);
  const units = Math.ceil(width / MCU) * Math.ceil(height / MCU);
  const data = Buffer.alloc(Math.ceil((units * 6 * 2) / 8));
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    ...[quantization, frame, tables, scan, data],
    Buffer.from([0xff, 0xd9]),
  ]);
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length);
  body.copy(whole, 4);
  whole.writeUInt32BE(crc32(body), body.length + 4);
  return whole;
}

export interface PngOptions {
  /** Bytes that the compressed data expands to. Default: what the header needs. */
  expandedBytes?: number;
  /** Adam7. Default false. */
  interlaced?: boolean;
}

/** A black RGB PNG of 8 bits: about a thousandth of its pixels' bytes. */
export function plainPng(width: number, height: number, options: PngOptions = {}): Buffer {
  const { expandedBytes = height * (1 + 3 * width), interlaced = false } = options;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, interlaced ? 1 : 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(Buffer.alloc(expandedBytes))),
    chunk("IEND", new Uint8Array()),
  ]);
}
