// Quantization: the tables of DQT segments, stored in natural order because the IDCT multiplies by them in that order.

import { fail } from "../call";
import { Status } from "../contract";

/** Position k of the zigzag → natural index; the 16 beyond it catch runs that leave a damaged block. */
export const NATURAL_ORDER: usize = memory.data<u8>([
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46,
  53, 60, 61, 54, 47, 55, 62, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63,
]);

/** Four tables of i16 [64], natural order. */
const tables: usize = memory.data(4 * 128, 16);
/** One copy per component, made when its first scan begins: a later DQT may redefine the number. */
const latched: usize = memory.data(4 * 128, 16);
let defined: u32 = 0;

export function resetQuantization(): void {
  defined = 0;
}

/** Reads the body [at, end) of a DQT segment. */
export function readQuantization(at: usize, end: usize, base: usize): Status {
  while (at < end) {
    const head = <u32>load<u8>(at);
    const wide = head >> 4;
    const number = head & 15;
    const length: usize = wide !== 0 ? 128 : 64;
    if (number > 3 || end - at < 1 + length) return fail(Status.CorruptSegment, at - base, 0xdb);
    const table = tables + <usize>number * 128;
    at += 1;
    for (let k: usize = 0; k < 64; k++) {
      const value = wide !== 0 ? bswap(load<u16>(at + 2 * k)) : <u16>load<u8>(at + k);
      store<u16>(table + ((<usize>load<u8>(NATURAL_ORDER + k)) << 1), value);
    }
    at += length;
    defined |= 1 << number;
  }
  return Status.Ok;
}

/** Copies table `number` for component `index`; address of the copy, 0 if the file does not define the table. */
export function latchQuantization(number: u32, index: u32): usize {
  if (number > 3 || (defined & (1 << number)) === 0) return 0;
  const copy = latched + <usize>index * 128;
  memory.copy(copy, tables + <usize>number * 128, 128);
  return copy;
}
