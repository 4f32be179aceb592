// Vertical pass: u8 [rows, bytes] → u8 [outputs, bytes], sixteen bytes of two rows at a time. Scalar reference:
// verticalScalar.
//
// How it is fast: two rows are interleaved byte by byte and widened, so that a multiply-add of 16-bit pairs does both
// their taps for four bytes. Eight sums (four of high, four of low halves of the weights) stay in registers over all
// taps.

import { assertReserved } from "../call";
import { Simd } from "../simd";
import { clip8, entryBytes, entryPairs, LOW_BITS, PRECISION_BITS, tapWeight } from "./weights";

const PAIR_BYTES: usize = 8;
/** Buffer for the last, incomplete sixteen bytes of a row. */
const tail: usize = memory.data(16, 16);

function finish(high: v128, low: v128): v128 {
  return i32x4.shr_s(i32x4.add(i32x4.shl(high, LOW_BITS), low), PRECISION_BITS);
}

/** Sixteen bytes of a column: rows from `p` on, `stride` apart, weighted → u8 [16]. */
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
    const front = Simd.zipLow(a, b);
    const back = Simd.zipHigh(a, b);
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
 * `source` is the address of the picture's row `firstRow`. The row after the last one is read with weight 0 if an entry
 * has an odd number of taps, so it must be readable memory.
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
  if (!ASC_NO_ASSERT && outputs > 0) assertReserved(target, <usize>(outputs - 1) * targetStride + bytes);
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

/** The same, one value at a time: each output row is a weighted sum of whole rows. */
export function verticalScalar(
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
  const stride = entryBytes(pairs);
  for (let y = 0; y < outputs; y++) {
    const entry = table + <usize>y * stride;
    const start = <i32>load<u32>(entry) - firstRow;
    const taps = (<i32>load<u32>(entry, 4)) << 1;
    for (let at: usize = 0; at < bytes; at++) {
      let sum: i32 = 1 << (PRECISION_BITS - 1);
      for (let tap = 0; tap < taps; tap++)
        sum += <i32>load<u8>(source + <usize>(start + tap) * sourceStride + at) * tapWeight(entry, tap);
      store<u8>(target + <usize>y * targetStride + at, clip8(sum));
    }
  }
}
