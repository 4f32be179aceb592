// Quantize rows: float32 rows to int16 with one scale a row, as the int8 product reads them.
//
// x [rows, k] → q, rows of ⌈k/2⌉ pairs ROW_BYTES apart (a missing last value is 0), and scales [rows]: x ≈ scale·q with
// q = round(x·(levels/max)), halves to even, scale = max/levels, max the row's largest |x|. What is not finite makes its
// whole row not finite. Rows below 1e-30 are zeros, for levels/max would overflow.
//
// 4 bytes in (twice, from the first-level cache the second time), 2 out.

/**
 * Bytes from one row of q to the next: the same for every k, so that the product's loads have constant offsets and one
 * pointer. Room for 8192 values and a cache line, so that rows do not share cache sets.
 */
export const ROW_BYTES: usize = 16448;

/** 1.5·2²³, its bits, and the least largest value: a float32 of the first's size has no bits behind the point. */
const ROUNDING: f32 = 12582912.0;
const ROUNDING_BITS: i32 = 0x4b400000;
const LEAST: f32 = 1e-30;
const MAGNITUDE: i32 = 0x7fffffff;

/** Largest |x| of k values; NaN where one is. Magnitudes compare as whole numbers do, NaN above all, in one instruction. */
function largest(x: usize, k: usize): f32 {
  const magnitude = i32x4.splat(MAGNITUDE);
  let first = i32x4.splat(0);
  let second = i32x4.splat(0);
  const end = x + ((k & ~7) << 2);
  while (x !== end) {
    first = i32x4.max_s(first, v128.and(v128.load(x), magnitude));
    second = i32x4.max_s(second, v128.and(v128.load(x, 16), magnitude));
    x += 32;
  }
  first = i32x4.max_s(first, second);
  let most = max(
    max(i32x4.extract_lane(first, 0), i32x4.extract_lane(first, 1)),
    max(i32x4.extract_lane(first, 2), i32x4.extract_lane(first, 3)),
  );
  for (let i: usize = 0; i < (k & 7); i++) most = max(most, load<i32>(x + (i << 2)) & MAGNITUDE);
  return reinterpret<f32>(most);
}

/** One row of k values, each times `factor` and rounded; |x·factor| < 2²². */
function quantizeRow(x: usize, k: usize, q: usize, factor: f32): void {
  const factors = f32x4.splat(factor);
  const rounding = f32x4.splat(ROUNDING);
  const bits = i32x4.splat(ROUNDING_BITS);
  const end = x + ((k & ~7) << 2);
  while (x !== end) {
    const low = i32x4.sub(f32x4.add(f32x4.mul(v128.load(x), factors), rounding), bits);
    const high = i32x4.sub(f32x4.add(f32x4.mul(v128.load(x, 16), factors), rounding), bits);
    v128.store(q, i16x8.narrow_i32x4_s(low, high));
    x += 32;
    q += 16;
  }
  const tail = k & 7;
  for (let i: usize = 0; i < tail; i++) {
    store<i16>(
      q + (i << 1),
      <i16>(reinterpret<i32>(load<f32>(x + (i << 2)) * factor + ROUNDING) - ROUNDING_BITS),
    );
  }
  if (tail & 1) store<i16>(q + (tail << 1), 0);
}

/** `levels`: the largest |q|, below 2¹⁵. */
export function quantizeRows(x: usize, rows: usize, k: usize, levels: f32, q: usize, scales: usize): void {
  for (let row: usize = 0; row < rows; row++) {
    const most = largest(x, k);
    store<f32>(scales + (row << 2), most / levels);
    quantizeRow(x, k, q, most > LEAST ? levels / most : 0);
    x += k << 2;
    q += ROW_BYTES;
  }
}
