// Quantize rows: float32 rows to int16 with one scale a row, in the order in which the int8 product reads them.
//
// x [rows, k] → q [pairs, rows, 2], pairs = ⌈k/2⌉ (a missing last step is 0), and scales [rows]: x ≈ scale·q with
// q = round(x·(levels/max)), halves to even, scale = max/levels, max the row's largest |x|. What is not finite makes its
// whole row not finite. Rows below 1e-30 are zeros, for levels/max would overflow.
//
// 4 bytes in (twice, from the first-level cache the second time), 2 out.

import { max4 } from "./simd";

/** 1.5·2²³, its bits, and the least largest value: a float32 of the first's size has no bits behind the point. */
const ROUNDING: f32 = 12582912.0;
const ROUNDING_BITS: i32 = 0x4b400000;
const LEAST: f32 = 1e-30;

/** Largest |x| of k values; NaN where one is. */
function largest(x: usize, k: usize): f32 {
  let most = f32x4.splat(0);
  const end = x + ((k & ~3) << 2);
  while (x !== end) {
    most = f32x4.max(most, f32x4.abs(v128.load(x)));
    x += 16;
  }
  let found = max4(most);
  for (let i: usize = 0; i < (k & 3); i++) found = max<f32>(found, abs<f32>(load<f32>(x + (i << 2))));
  return found;
}

class Rounded {
  /** Four values times `factor` as int32, halves to even; |x·factor| < 2²². */
  @inline
  static four(x: usize, factor: v128, rounding: v128, bits: v128): v128 {
    return i32x4.sub(f32x4.add(f32x4.mul(v128.load(x), factor), rounding), bits);
  }
}

/** One row into its column of q: pair p goes to q + p·stride bytes. */
function quantizeRow(x: usize, k: usize, q: usize, stride: usize, factor: f32): void {
  const factors = f32x4.splat(factor);
  const rounding = f32x4.splat(ROUNDING);
  const bits = i32x4.splat(ROUNDING_BITS);
  const end = x + ((k & ~7) << 2);
  while (x !== end) {
    const low = Rounded.four(x, factors, rounding, bits);
    const high = Rounded.four(x + 16, factors, rounding, bits);
    const eight = i16x8.narrow_i32x4_s(low, high);
    v128.store32_lane(q, eight, 0);
    q += stride;
    v128.store32_lane(q, eight, 1);
    q += stride;
    v128.store32_lane(q, eight, 2);
    q += stride;
    v128.store32_lane(q, eight, 3);
    q += stride;
    x += 32;
  }
  const tail = k & 7;
  for (let i: usize = 0; i < tail; i += 2) {
    let pair = f32x4.splat(0);
    pair = v128.load32_lane(x + (i << 2), pair, 0);
    if (i + 1 < tail) pair = v128.load32_lane(x + (i << 2) + 4, pair, 1);
    const two = i32x4.sub(f32x4.add(f32x4.mul(pair, factors), rounding), bits);
    v128.store32_lane(q, i16x8.narrow_i32x4_s(two, two), 0);
    q += stride;
  }
}

/** `levels`: the largest |q|, below 2¹⁵. */
export function quantizeRows(x: usize, rows: usize, k: usize, levels: f32, q: usize, scales: usize): void {
  for (let row: usize = 0; row < rows; row++) {
    const from = x + row * (k << 2);
    const most = largest(from, k);
    store<f32>(scales + (row << 2), most / levels);
    quantizeRow(from, k, q + (row << 2), rows << 2, most > LEAST ? levels / most : 0);
  }
}
