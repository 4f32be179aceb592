// Sequential block: 64 coefficients of a baseline or extended frame, two symbols a step.

import { Stream } from "./bits";
import { longCode } from "./long-code";
import { advanceOf, END_OF_BLOCK, LOOK_BITS, Look, PAIR_LOOKS } from "./looks";
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

  p = decodeDc(c, p);
  store<i16>(block, <i16>c.prediction);
  return decodeAc(c.acTable, p);
}

/** Reads over one block; only the DC prediction is kept. */
export function skipBlock(c: Component, p: u32): u32 {
  return skipAc(c.acTable, decodeDc(c, p));
}

/** Adds the difference to the component's prediction. */
function decodeDc(c: Component, p: u32): u32 {
  const bits = Stream.from(p);
  const look = changetype<Look>(c.dcTable + PAIR_LOOKS + ((<usize>(bits >> (64 - LOOK_BITS))) << 3));
  let start = <u32>look.start1;
  let size = <u32>look.size1;
  if (start === 0) {
    const found = longCode(c.dcTable, bits);
    start = found >> 8;
    size = found & 15;
  }
  c.prediction += Stream.extend(bits << (<u64>start), size);
  return p + start + size;
}

/** Positions 1…63 of the zigzag. */
function decodeAc(table: usize, p: u32): u32 {
  const looks = table + PAIR_LOOKS;
  let k: u32 = 0;
  while (true) {
    const bits = Stream.from(p);
    const look = changetype<Look>(looks + ((<usize>(bits >> (64 - LOOK_BITS))) << 3));
    const taken = <u32>look.bits;
    if (taken === 0) {
      const found = longCode(table, bits);
      const start = found >> 8;
      const size = found & 15;
      k += advanceOf(found & 255);
      store<i16>(block + <usize>load<u8>(PLACES + <usize>k), <i16>Stream.extend(bits << (<u64>start), size));
      p += start + size;
      if (k >= 63) break;
      continue;
    }
    const first = k + <u32>look.advance1;
    k = first + <u32>look.advance2;
    const value1 = Stream.extend(bits << (<u64>look.start1), <u32>look.size1);
    const value2 = Stream.extend(bits << (<u64>look.start2), <u32>look.size2);
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

/** As decodeAc without the values. */
function skipAc(table: usize, p: u32): u32 {
  const looks = table + PAIR_LOOKS;
  let k: u32 = 0;
  while (true) {
    const bits = Stream.from(p);
    const look = changetype<Look>(looks + ((<usize>(bits >> (64 - LOOK_BITS))) << 3));
    const taken = <u32>look.bits;
    if (taken === 0) {
      const found = longCode(table, bits);
      k += advanceOf(found & 255);
      p += (found >> 8) + (found & 15);
      if (k >= 63) return p;
      continue;
    }
    k += <u32>look.advance1;
    if (k >= 63) return p + <u32>look.bits1;
    k += <u32>look.advance2;
    p += taken;
    if (k >= 63) return p;
  }
}
