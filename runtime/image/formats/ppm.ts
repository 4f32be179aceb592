// PPM: binary PPM (P6) and PGM (P5); equal to Pillow's, except that gray of 16 bits is scaled where Pillow clips it.

import { FileBytes } from "./file-bytes.js";
import { type Format, type FormatOptions, type Pixels, requireSize } from "./format.js";

interface Header {
  width: number;
  height: number;
  channels: 1 | 3;
  most: number;
  dataAt: number;
}

/** Longest number of a header, as in Pillow. */
const MOST_DIGITS = 10;

function readHeader(bytes: FileBytes): Header {
  let at = 2;
  const readNumber = (): number => {
    for (;;) {
      const character = String.fromCharCode(bytes.u8(at));
      if (character === "#") while (!/[\r\n]/.test(String.fromCharCode(bytes.u8(at)))) at++;
      else if (/\s/.test(character)) at++;
      else break;
    }
    const start = at;
    let value = 0;
    for (; /\d/.test(String.fromCharCode(bytes.u8(at))); at++) value = value * 10 + bytes.u8(at) - 48;
    if (at === start || at - start > MOST_DIGITS) throw bytes.corrupt("its header has no size");
    return value;
  };
  const [width, height, most] = [readNumber(), readNumber(), readNumber()];
  if (most < 1 || most > 65_535) throw bytes.corrupt(`its largest value is ${most}`);
  return { width, height, most, channels: bytes.u8(1) === 0x36 ? 3 : 1, dataAt: at + 1 };
}

/** Python's round: halves to even. */
function roundHalfEven(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down;
}

function decode(file: Uint8Array, options: FormatOptions): Pixels {
  const bytes = new FileBytes(file, "PPM", options.name);
  const header = readHeader(bytes);
  requireSize("PPM", header, options);
  const { width, height, channels, most, dataAt } = header;
  const sampleBytes = most > 255 ? 2 : 1;
  const rowBytes = width * channels * sampleBytes;
  const rows = Math.min(height, Math.trunc((file.length - dataAt) / rowBytes));
  if (rows < height && !options.partial) throw bytes.truncated(rows, height);
  const data = new Uint8Array(width * height * 3);
  const byteOf = Uint8Array.from({ length: most + 1 }, (_, value) => roundHalfEven((value / most) * 255));
  const samples = rows * width * channels;
  for (let i = 0; i < samples; i++) {
    const at = dataAt + i * sampleBytes;
    const value = sampleBytes === 1 ? file[at] : file[at] * 256 + file[at + 1];
    const byte = byteOf[Math.min(value, most)];
    if (channels === 3) data[i] = byte;
    else data.fill(byte, 3 * i, 3 * i + 3);
  }
  return { width, height, data, rowsDecoded: rows };
}

export const ppm: Format = {
  readSize(file, name) {
    const { width, height } = readHeader(new FileBytes(file, "PPM", name));
    return { width, height, orientation: 1 };
  },
  decode,
};
