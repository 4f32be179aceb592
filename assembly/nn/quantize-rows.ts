// Quantize rows: float32 rows to int16 with one scale a row, as the int8 product reads them.
//
// x [rows, k] → q, rows of ⌈k/2⌉ pairs ROW_BYTES apart (a missing last value is 0), and scales [rows]: x ≈ scale·q with
// q = round(x·(levels/max)), halves to even, scale = max/levels, max the row's largest |x|. A value that is not finite
// makes its whole row not finite. Rows below 1e-30 become zeros, since levels/max would overflow.
//
// Or, in digits: q + 8192 = 128·high + low, a byte each, high at the row's start, low LOW_DIGITS after it, padded to
// multiples of four.
//
// 4 bytes in (twice, from the first-level cache the second time), 2 out.

/**
 * Bytes from one row of q to the next: the same for every k, so that the product's loads have constant offsets and one
 * pointer. Room for 8192 values and 11 cache lines, so that the rows of a block spread over a cache's 64 sets.
 */
export const ROW_BYTES: usize = 17088;

/** From a row's high digits to its low ones. */
export const LOW_DIGITS: usize = 8512;
/** Makes every q of up to 14 bits positive. */
const DIGITS_ZERO: i32 = 8192;

/** 1.5·2²³ and its bits (a float32 of this size has no fractional bits), and the smallest maximum that is not zero. */
const ROUNDING: f32 = 12582912.0;
const ROUNDING_BITS: i32 = 0x4b400000;
const MIN_LARGEST: f32 = 1e-30;
const MAGNITUDE: i32 = 0x7fffffff;

/** Largest |x| of k values; NaN where one is. Magnitudes compare as integers, NaN largest, in one instruction. */
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

/** Four values times `factor`, rounded and offset by DIGITS_ZERO. */
class Fourteen {
  @inline
  static bits(x: usize, factors: v128, rounding: v128, bits: v128): v128 {
    return i32x4.sub(f32x4.add(f32x4.mul(v128.load(x), factors), rounding), bits);
  }
}

/** The same row in digits. */
function quantizeDigits(x: usize, k: usize, q: usize, factor: f32): void {
  const factors = f32x4.splat(factor);
  const rounding = f32x4.splat(ROUNDING);
  const bits = i32x4.splat(ROUNDING_BITS - DIGITS_ZERO);
  const digit = i16x8.splat(127);
  const end = x + ((k & ~15) << 2);
  while (x !== end) {
    const first = i16x8.narrow_i32x4_s(
      Fourteen.bits(x, factors, rounding, bits),
      Fourteen.bits(x + 16, factors, rounding, bits),
    );
    const second = i16x8.narrow_i32x4_s(
      Fourteen.bits(x + 32, factors, rounding, bits),
      Fourteen.bits(x + 48, factors, rounding, bits),
    );
    const high = i8x16.narrow_i16x8_u(i16x8.shr_u(first, 7), i16x8.shr_u(second, 7));
    const low = i8x16.narrow_i16x8_u(v128.and(first, digit), v128.and(second, digit));
    v128.store(q, high);
    v128.store(q + LOW_DIGITS, low);
    x += 64;
    q += 16;
  }
  for (let i: usize = 0; i < (k & 15); i++) {
    const value = reinterpret<i32>(load<f32>(x + (i << 2)) * factor + ROUNDING) - ROUNDING_BITS + DIGITS_ZERO;
    store<u8>(q + i, <u8>(value >> 7));
    store<u8>(q + i + LOW_DIGITS, <u8>(value & 127));
  }
  // The padding is multiplied with weights that are 0, but must have seven bits.
  for (let i = k & 15; i & 3; i++) {
    store<u8>(q + i, 0);
    store<u8>(q + i + LOW_DIGITS, 0);
  }
}

/** `levels`: the largest |q|, below 2¹⁵, in digits below 2¹³. */
export function quantizeRows(
  x: usize,
  rows: usize,
  k: usize,
  levels: f32,
  q: usize,
  scales: usize,
  inDigits: bool,
): void {
  for (let row: usize = 0; row < rows; row++) {
    const most = largest(x, k);
    store<f32>(scales + (row << 2), most / levels);
    const factor = most > MIN_LARGEST ? levels / most : 0;
    if (inDigits) quantizeDigits(x, k, q, factor);
    else quantizeRow(x, k, q, factor);
    x += k << 2;
    q += ROW_BYTES;
  }
}
