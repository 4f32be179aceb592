// Vertical pass: u8 [rows, bytes] → u8 [outputs, bytes], sixteen bytes of two rows at a time. Twin: passes-scalar.ts.
//
// Two rows are interleaved byte by byte and widened, so that a multiply-add of 16-bit pairs does both their taps for
// four bytes. Eight sums (four of high, four of low halves of the weights) stay in registers over all taps.

import { entryBytes, entryPairs, LOW_BITS, PRECISION_BITS } from "./tables";

const PAIR_BYTES: usize = 8;
/** Where the last, incomplete sixteen bytes of a row are put together. */
const tail: usize = memory.data(16, 16);

function finish(high: v128, low: v128): v128 {
  return i32x4.shr_s(i32x4.add(i32x4.shl(high, LOW_BITS), low), PRECISION_BITS);
}

/** Sixteen bytes at column `p` of the rows from there on, `stride` apart, weighted → u8 [16]. */
function column(p: usize, stride: usize, weights: usize, end: usize): v128 {
  const zero = i32x4.splat(0);
  const rounding = i32x4.splat(1 << (PRECISION_BITS - 1));
  let high0 = zero;
  let high1 = zero;
  let high2 = zero;
  let high3 = zero;
  let low0 = rounding;
  let low1 = rounding;
  let low2 = rounding;
  let low3 = rounding;
  while (weights < end) {
    const high = v128.load32_splat(weights);
    const low = v128.load32_splat(weights, 4);
    const a = v128.load(p);
    const b = v128.load(p + stride);
    const front = i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const back = i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    let pairs = i16x8.extend_low_i8x16_u(front);
    high0 = i32x4.add(high0, i32x4.dot_i16x8_s(pairs, high));
    low0 = i32x4.add(low0, i32x4.dot_i16x8_s(pairs, low));
    pairs = i16x8.extend_high_i8x16_u(front);
    high1 = i32x4.add(high1, i32x4.dot_i16x8_s(pairs, high));
    low1 = i32x4.add(low1, i32x4.dot_i16x8_s(pairs, low));
    pairs = i16x8.extend_low_i8x16_u(back);
    high2 = i32x4.add(high2, i32x4.dot_i16x8_s(pairs, high));
    low2 = i32x4.add(low2, i32x4.dot_i16x8_s(pairs, low));
    pairs = i16x8.extend_high_i8x16_u(back);
    high3 = i32x4.add(high3, i32x4.dot_i16x8_s(pairs, high));
    low3 = i32x4.add(low3, i32x4.dot_i16x8_s(pairs, low));
    p += stride << 1;
    weights += PAIR_BYTES;
  }
  return i8x16.narrow_i16x8_u(
    i16x8.narrow_i32x4_s(finish(high0, low0), finish(high1, low1)),
    i16x8.narrow_i32x4_s(finish(high2, low2), finish(high3, low3)),
  );
}

/**
 * The row behind the last one is read with weight 0 where an entry has an odd number of taps: it must be memory of
 * ours. `firstRow` is the picture's row that stands at `source`.
 */
export function verticalPass(
  source: usize,
  sourceStride: usize,
  firstRow: i32,
  table: usize,
  pairs: i32,
  outputs: i32,
  bytes: usize,
  target: usize,
  targetStride: usize,
): void {
  const entryStride = entryBytes(pairs);
  let entry = table;
  for (let y = 0; y < outputs; y++) {
    const weights = entryPairs(entry);
    const end = weights + <usize>load<u32>(entry, 4) * PAIR_BYTES;
    const top = source + <usize>(<i32>load<u32>(entry) - firstRow) * sourceStride;
    const out = target + <usize>y * targetStride;
    let at: usize = 0;
    for (; at + 16 <= bytes; at += 16) v128.store(out + at, column(top + at, sourceStride, weights, end));
    if (at < bytes) {
      v128.store(tail, column(top + at, sourceStride, weights, end));
      memory.copy(out + at, tail, bytes - at);
    }
    entry += entryStride;
  }
}
