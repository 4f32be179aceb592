// Affine along lines: shears and translations, which leave one axis unchanged. Four neighbors in a row or in a column.
//
//   weights at distance d, t = 1 − d:   bicubic (a = −1)   −d·t²     t + d·t²     d + d²·t     −d²·t
//                                       bilinear             0          t            d            0
//
// How it is fast: a weight has 22 fractional bits and is split in two for i16 products, weight = high · 2¹¹ + low, as
// in the resize (resize/weights.ts), so sixteen bytes are filtered at a time. Pillow truncates a sum of doubles; a
// sum here differs from it by less than UNSURE, so both truncate to the same byte unless a whole number is that
// close, which happens once in a thousand. `exactPixel` then decides in double.

import { Simd } from "../simd";
import { exactPixel, origin, stride } from "./affine-source";

const FIXED_BITS: i32 = 22;
const LOW_BITS: i32 = 11;
/**
 * Error bound: 255 times half a unit for three weights and 3/2 units for the one that makes the sum 1 (flat areas
 * stay exact).
 */
export const UNSURE: i32 = 768;

/** u32 [4]: high halves of the first two and the last two weights, low halves of the same. */
export const TAPS_BYTES: usize = 16;

/** Writes the four words for distance d, 0 … 1, at `taps`. */
export function fillTaps(taps: usize, d: f64, bicubic: bool): void {
  const t = 1.0 - d;
  const dt = bicubic ? d * t : 0.0;
  const scale = <f64>(1 << FIXED_BITS);
  const first = <i32>Math.floor(-dt * t * scale + 0.5);
  const third = <i32>Math.floor((d + dt * d) * scale + 0.5);
  const fourth = <i32>Math.floor(-dt * d * scale + 0.5);
  const second = (1 << FIXED_BITS) - first - third - fourth;
  store<u32>(taps, high(first, second));
  store<u32>(taps, high(third, fourth), 4);
  store<u32>(taps, low(first, second), 8);
  store<u32>(taps, low(third, fourth), 12);
}

function high(one: i32, other: i32): u32 {
  return <u32>((one >> LOW_BITS) & 0xffff) | ((<u32>(other >> LOW_BITS)) << 16);
}

function low(one: i32, other: i32): u32 {
  const mask = (1 << LOW_BITS) - 1;
  return <u32>(one & mask) | ((<u32>(other & mask)) << 16);
}

/** 2²² − 1: the fractional bits. */
const FRACTION: usize = memory.data<i32>([4194303, 4194303, 4194303, 4194303], 16);

/** Steps on four sums. */
export class Taps {
  /** Sums of four channels: pairs (first, second) and (third, fourth) of their neighbors, u16. */
  @inline static sum(pair12: v128, pair34: v128, high12: v128, high34: v128, low12: v128, low34: v128): v128 {
    const high = i32x4.add(i32x4.dot_i16x8_s(pair12, high12), i32x4.dot_i16x8_s(pair34, high34));
    const low = i32x4.add(i32x4.dot_i16x8_s(pair12, low12), i32x4.dot_i16x8_s(pair34, low34));
    return i32x4.add(i32x4.shl(high, LOW_BITS), low);
  }

  /** Distance of each sum above (a whole number − `unsure`): up to twice `unsure`, the byte is undecided. */
  @inline static fraction(sum: v128, unsure: v128): v128 {
    return v128.and(i32x4.add(sum, unsure), v128.load(FRACTION));
  }

  @inline static whole(sum: v128): v128 {
    return i32x4.shr_s(sum, FIXED_BITS);
  }
}

/**
 * Pixels `column` … `end` − 1 of `row` to `target`, all with the weights at `taps`: the first neighbor of the first
 * pixel is at `from`, the others `step` bytes apart. Sixteen bytes at a time regardless of channel; writes up to
 * fifteen more.
 */
export function filterLine(
  from: usize,
  step: usize,
  taps: usize,
  unsure: i32,
  column: i32,
  end: i32,
  row: i32,
  target: usize,
): void {
  const high12 = v128.load32_splat(taps);
  const high34 = v128.load32_splat(taps, 4);
  const low12 = v128.load32_splat(taps, 8);
  const low34 = v128.load32_splat(taps, 12);
  const margin = i32x4.splat(unsure);
  const least = i32x4.splat(2 * unsure);
  const bytes = (end - column) * 3;
  for (let at = 0; at < bytes; at += 16) {
    const p = from + <usize>at;
    const a = v128.load(p);
    const b = v128.load(p + step);
    const c = v128.load(p + 2 * step);
    const d = v128.load(p + 3 * step);
    let ab = Simd.zipLow(a, b);
    let cd = Simd.zipLow(c, d);
    const sum0 = Taps.sum(
      i16x8.extend_low_i8x16_u(ab),
      i16x8.extend_low_i8x16_u(cd),
      high12,
      high34,
      low12,
      low34,
    );
    const sum1 = Taps.sum(
      i16x8.extend_high_i8x16_u(ab),
      i16x8.extend_high_i8x16_u(cd),
      high12,
      high34,
      low12,
      low34,
    );
    ab = Simd.zipHigh(a, b);
    cd = Simd.zipHigh(c, d);
    const sum2 = Taps.sum(
      i16x8.extend_low_i8x16_u(ab),
      i16x8.extend_low_i8x16_u(cd),
      high12,
      high34,
      low12,
      low34,
    );
    const sum3 = Taps.sum(
      i16x8.extend_high_i8x16_u(ab),
      i16x8.extend_high_i8x16_u(cd),
      high12,
      high34,
      low12,
      low34,
    );
    v128.store(
      target + <usize>at,
      i8x16.narrow_i16x8_u(
        i16x8.narrow_i32x4_s(Taps.whole(sum0), Taps.whole(sum1)),
        i16x8.narrow_i32x4_s(Taps.whole(sum2), Taps.whole(sum3)),
      ),
    );
    const fraction0 = Taps.fraction(sum0, margin);
    const fraction1 = Taps.fraction(sum1, margin);
    const fraction2 = Taps.fraction(sum2, margin);
    const fraction3 = Taps.fraction(sum3, margin);
    const nearest = i32x4.min_s(i32x4.min_s(fraction0, fraction1), i32x4.min_s(fraction2, fraction3));
    if (!v128.any_true(i32x4.lt_s(nearest, least))) continue;
    // Four equal neighbors give that value exactly; without this test flat areas would be slow.
    const level = v128.and(v128.and(i8x16.eq(a, b), i8x16.eq(b, c)), i8x16.eq(c, d));
    const near = i8x16.narrow_i16x8_s(
      i16x8.narrow_i32x4_s(i32x4.lt_s(fraction0, least), i32x4.lt_s(fraction1, least)),
      i16x8.narrow_i32x4_s(i32x4.lt_s(fraction2, least), i32x4.lt_s(fraction3, least)),
    );
    const open = i8x16.bitmask(v128.andnot(near, level));
    if (open !== 0) settle(open, at, bytes, column, row, target);
  }
}

/** Recomputes the pixels of undecided bytes: bit i of `open` is byte `at` + i. */
function settle(open: i32, at: i32, bytes: i32, column: i32, row: i32, target: usize): void {
  for (; open !== 0; open &= open - 1) {
    const byte = at + ctz(open);
    if (byte >= bytes) return;
    const place = byte / 3;
    exactPixel(column + place, row, target + <usize>(place * 3));
  }
}

/** Bytes that `filterColumns` reads for each column: its taps, and the address of its first neighbor in row 0. */
export const COLUMN_BYTES: usize = TAPS_BYTES + 16;

/** Red, green and blue of a column's pixel, i32 sums, from four vertical neighbors. */
function columnSum(entry: usize, down: usize): v128 {
  const p = load<usize>(entry, TAPS_BYTES) + down;
  const first = Simd.zipLow(v128.load32_zero(p), v128.load32_zero(p + stride));
  const second = Simd.zipLow(v128.load32_zero(p + 2 * stride), v128.load32_zero(p + 3 * stride));
  return Taps.sum(
    i16x8.extend_low_i8x16_u(first),
    i16x8.extend_low_i8x16_u(second),
    v128.load32_splat(entry),
    v128.load32_splat(entry, 4),
    v128.load32_splat(entry, 8),
    v128.load32_splat(entry, 12),
  );
}

/**
 * Pixels `column` … `end` − 1 of `row`, which starts at `line`, each column with the weights of its own entry at
 * `table`. Four pixels at a time; the last four may overlap the previous ones. Writes up to four bytes more.
 */
export function filterColumns(table: usize, unsure: i32, column: i32, end: i32, row: i32, line: usize): void {
  if (end - column < 4) {
    for (; column < end; column++) exactPixel(column, row, line + <usize>column * 3);
    return;
  }
  const margin = i32x4.splat(unsure);
  const least = i32x4.splat(2 * unsure);
  const down = <usize>row * stride;
  for (; column < end; column += 4) {
    column = min(column, end - 4);
    const target = line + <usize>column * 3;
    const entry = table + <usize>column * COLUMN_BYTES;
    const sum0 = columnSum(entry, down);
    const sum1 = columnSum(entry + COLUMN_BYTES, down);
    const sum2 = columnSum(entry + 2 * COLUMN_BYTES, down);
    const sum3 = columnSum(entry + 3 * COLUMN_BYTES, down);
    const pixels = i8x16.narrow_i16x8_u(
      i16x8.narrow_i32x4_s(Taps.whole(sum0), Taps.whole(sum1)),
      i16x8.narrow_i32x4_s(Taps.whole(sum2), Taps.whole(sum3)),
    );
    v128.store(target, Simd.dropFourth(pixels));
    const fraction0 = Taps.fraction(sum0, margin);
    const fraction1 = Taps.fraction(sum1, margin);
    const fraction2 = Taps.fraction(sum2, margin);
    const fraction3 = Taps.fraction(sum3, margin);
    const nearest = i32x4.min_s(i32x4.min_s(fraction0, fraction1), i32x4.min_s(fraction2, fraction3));
    if ((i32x4.bitmask(i32x4.lt_s(nearest, least)) & 7) === 0) continue;
    const near = i8x16.narrow_i16x8_s(
      i16x8.narrow_i32x4_s(i32x4.lt_s(fraction0, least), i32x4.lt_s(fraction1, least)),
      i16x8.narrow_i32x4_s(i32x4.lt_s(fraction2, least), i32x4.lt_s(fraction3, least)),
    );
    const open = i8x16.bitmask(near);
    for (let i = 0; i < 4; i++) {
      const channels = (open >> (4 * i)) & 7;
      if (channels !== 0 && (channels & ~level(entry + <usize>i * COLUMN_BYTES, down)) !== 0)
        exactPixel(column + i, row, target + <usize>(3 * i));
    }
  }
}

/** Bits of the channels whose four neighbors are equal. */
function level(entry: usize, down: usize): i32 {
  const p = load<usize>(entry, TAPS_BYTES) + down;
  const first = v128.load32_zero(p);
  const same12 = i8x16.eq(first, v128.load32_zero(p + stride));
  const same34 = i8x16.eq(v128.load32_zero(p + 2 * stride), v128.load32_zero(p + 3 * stride));
  const same13 = i8x16.eq(first, v128.load32_zero(p + 2 * stride));
  return i8x16.bitmask(v128.and(v128.and(same12, same34), same13)) & 7;
}

/** Address of the input pixel `left` and `top` pixels from the picture's first. */
export function neighbors(left: i32, top: i32): usize {
  return origin + <usize>top * stride + <usize>left * 3;
}
