// Sequential block: 64 coefficients of a baseline or extended frame, two symbols a step.

import { bitsBase } from "./bits";
import { advanceOf, END_OF_BLOCK, findCode, LOOK_BITS, LOOK_ENTRIES, Look } from "./huffman";
import { Component } from "./picture";

/** Byte offset in a block of zigzag position k: natural order for 0…63, then 63, then the dummy behind the block. */
const PLACES: usize = memory.data<u8>([
  0, 2, 16, 32, 18, 4, 6, 20, 34, 48, 64, 50, 36, 22, 8, 10, 24, 38, 52, 66, 80, 96, 82, 68, 54, 40, 26, 12,
  14, 28, 42, 56, 70, 84, 98, 112, 114, 100, 86, 72, 58, 44, 30, 46, 60, 74, 88, 102, 116, 118, 104, 90, 76,
  62, 78, 92, 106, 120, 122, 108, 94, 110, 124, 126, 126, 126, 126, 126, 126, 126, 126, 126, 126, 126, 126,
  126, 126, 126, 126, 126, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
  128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
  128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
  128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
  128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
  128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
  128, 128, 128, 128, 128, 128,
]);

/** i16 [64] in natural order, and 16 bytes where values beyond the block go. */
export const block: usize = memory.data(144, 64);

/** Highest zigzag position that the last block reached. */
export let lastPosition: u32 = 0;
/** A code that no table has was met since it was cleared. */
export let metBadCode: bool = false;

export function clearBadCode(): void {
  metBadCode = false;
}

class Value {
  /**
   * `size` bits on top of `bits` as the standard's EXTEND reads them: 0 bits are 0, a leading 1 is positive, a
   * leading 0 counts up from −(2^size − 1).
   */
  @inline static extend(bits: u64, size: u32): i32 {
    const raw = <i32>((bits >> 1) >> (63 - <u64>size));
    const negative = ~(<i32>(<i64>bits >> 63));
    return raw + (((-1 << size) + 1) & negative);
  }

  /** The stream from bit p on, first bit on top; 57 bits are good. */
  @inline static bits(p: u32): u64 {
    return load<u64>(bitsBase - <usize>(p >> 3)) << (<u64>(p & 7));
  }
}

/** Decodes one block of `c` into `block` from bit p on; returns the position behind it. */
export function decodeBlock(c: Component, p: u32): u32 {
  const zero = i64x2.splat(0);
  v128.store(block, zero);
  v128.store(block, zero, 16);
  v128.store(block, zero, 32);
  v128.store(block, zero, 48);
  v128.store(block, zero, 64);
  v128.store(block, zero, 80);
  v128.store(block, zero, 96);
  v128.store(block, zero, 112);

  let bits = Value.bits(p);
  const dc = changetype<Look>(c.dcTable + LOOK_ENTRIES + ((<usize>(bits >> (64 - LOOK_BITS))) << 3));
  let start = <u32>dc.start1;
  let size = <u32>dc.size1;
  if (start === 0) {
    const found = longCode(c.dcTable, bits);
    start = found >> 8;
    size = found & 15;
  }
  c.prediction += Value.extend(bits << (<u64>start), size);
  store<i16>(block, <i16>c.prediction);
  return decodeAc(c.acTable, p + start + size);
}

/** Positions 1…63 of the zigzag. */
function decodeAc(table: usize, p: u32): u32 {
  const looks = table + LOOK_ENTRIES;
  let k: u32 = 0;
  while (true) {
    const bits = Value.bits(p);
    const look = changetype<Look>(looks + ((<usize>(bits >> (64 - LOOK_BITS))) << 3));
    const taken = <u32>look.bits;
    if (taken === 0) {
      const found = longCode(table, bits);
      const start = found >> 8;
      const size = found & 15;
      k += advanceOf(found & 255);
      store<i16>(block + <usize>load<u8>(PLACES + <usize>k), <i16>Value.extend(bits << (<u64>start), size));
      p += start + size;
      if (k >= 63) break;
      continue;
    }
    const first = k + <u32>look.advance1;
    k = first + <u32>look.advance2;
    const value1 = Value.extend(bits << (<u64>look.start1), <u32>look.size1);
    const value2 = Value.extend(bits << (<u64>look.start2), <u32>look.size2);
    store<i16>(block + <usize>load<u8>(PLACES + <usize>k), <i16>value2);
    store<i16>(block + <usize>load<u8>(PLACES + <usize>first), <i16>value1);
    if (first >= 63) {
      p += <u32>look.bits1;
      k = first;
      break;
    }
    p += taken;
    if (k >= 63) break;
  }
  lastPosition = k & (END_OF_BLOCK - 1);
  return p;
}

/** A code longer than a look: length << 8 | symbol; a code that does not exist counts as 17 bits and symbol 0. */
function longCode(table: usize, bits: u64): u32 {
  const found = findCode(table, <i32>(bits >> 48));
  if (found >> 8 > 16) metBadCode = true;
  return found;
}
