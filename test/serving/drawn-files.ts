// Drawn files: picture files whose size in pixels has nothing to do with their size in bytes, as attackers send them.

import { crc32, deflateSync } from "node:zlib";

interface JpegShape {
  progressive?: boolean;
  /** Sampling factors of luma, 0x22 for 4:2:0. Default 0x11. */
  sampling?: number;
}

/** A gray color JPEG of any size, two bits a block: every coefficient is 0. */
export function plainJpeg(
  width: number,
  height: number,
  { progressive = false, sampling = 0x11 }: JpegShape = {},
): Uint8Array {
  const size = [height >> 8, height & 255, width >> 8, width & 255];
  const components = [1, 2, 3].flatMap((id) => [id, id === 1 ? sampling : 0x11, 0]);
  const bytes = [0xff, 0xd8, 0xff, 0xdb, 0, 67, 0, ...Array<number>(64).fill(1)];
  bytes.push(0xff, progressive ? 0xc2 : 0xc0, 0, 17, 8, ...size, 3, ...components);
  // The only code of both tables, "0": no difference, and the end of the block.
  for (const table of [0x00, 0x10]) bytes.push(0xff, 0xc4, 0, 20, table, 1, ...Array<number>(15).fill(0), 0);
  bytes.push(0xff, 0xda, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, progressive ? 0 : 63, 0);
  const [across, down] = [sampling >> 4, sampling & 15];
  const units = Math.ceil(width / (8 * across)) * Math.ceil(height / (8 * down));
  const bits = units * (across * down + 2) * (progressive ? 1 : 2);
  return Uint8Array.from([...bytes, ...new Uint8Array(Math.ceil(bits / 8)), 0xff, 0xd9]);
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), framed.length - 4);
  return framed;
}

interface PngShape {
  /** Adam7. */
  interlaced?: boolean;
  /** Bytes that its pixels inflate to. Default: what the header needs. */
  inflated?: number;
}

/** A black RGB PNG. */
export function plainPng(
  width: number,
  height: number,
  { interlaced = false, inflated = height * (1 + 3 * width) }: PngShape = {},
): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, interlaced ? 1 : 0], 8);
  const pixels = deflateSync(new Uint8Array(inflated));
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", pixels),
    chunk("IEND", new Uint8Array(0)),
  ]);
}
