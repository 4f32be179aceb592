// Affine along lines: shears and translations, which leave one axis alone. Four neighbors in a row or in a column.

import { Simd } from "../simd";
import { exactPixel, origin, stride } from "./affine-exact";
import { TAPS_BYTES, Taps } from "./affine-taps";

/** Bytes that follow each other in pairs from two vectors. */
class Zip {
  @inline static low(a: v128, b: v128): v128 {
    return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  }

  @inline static high(a: v128, b: v128): v128 {
    return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  }
}

/**
 * Pixels `column` … `end` − 1 of `row` to `target`, all with the weights at `taps`: the first neighbor of the first of
 * them is at `from`, the others `step` bytes apart. Sixteen bytes at a time, whatever channel they are; writes up to
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
    let ab = Zip.low(a, b);
    let cd = Zip.low(c, d);
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
    ab = Zip.high(a, b);
    cd = Zip.high(c, d);
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
    // Where all four neighbors are the same, so is the result; flat areas must not be slow.
    const level = v128.and(v128.and(i8x16.eq(a, b), i8x16.eq(b, c)), i8x16.eq(c, d));
    const near = i8x16.narrow_i16x8_s(
      i16x8.narrow_i32x4_s(i32x4.lt_s(fraction0, least), i32x4.lt_s(fraction1, least)),
      i16x8.narrow_i32x4_s(i32x4.lt_s(fraction2, least), i32x4.lt_s(fraction3, least)),
    );
    const open = i8x16.bitmask(v128.andnot(near, level));
    if (open !== 0) settle(open, at, bytes, column, row, target);
  }
}

/** The pixels of which bit i of `open` says that byte `at` + i is not sure. */
function settle(open: i32, at: i32, bytes: i32, column: i32, row: i32, target: usize): void {
  for (; open !== 0; open &= open - 1) {
    const byte = at + ctz(open);
    if (byte >= bytes) return;
    const place = byte / 3;
    exactPixel(column + place, row, target + <usize>(place * 3));
  }
}

/** Bytes of what `filterColumns` reads for each column: its taps, and where its first neighbor in row 0 is. */
export const COLUMN_BYTES: usize = TAPS_BYTES + 16;

/** Red, green and blue of a column's pixel, i32 sums, from its four neighbors below each other. */
function columnSum(entry: usize, down: usize): v128 {
  const p = load<usize>(entry, TAPS_BYTES) + down;
  const first = Zip.low(v128.load32_zero(p), v128.load32_zero(p + stride));
  const second = Zip.low(v128.load32_zero(p + 2 * stride), v128.load32_zero(p + 3 * stride));
  return Taps.sum(
    i16x8.extend_low_i8x16_u(first),
    i16x8.extend_low_i8x16_u(second),
    v128.load32_splat(entry),
    v128.load32_splat(entry, 4),
    v128.load32_splat(entry, 8),
    v128.load32_splat(entry, 12),
  );
}

const WITHOUT_FOURTH: usize = memory.data<u8>(
  [0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 128, 128, 128, 128],
  16,
);

/**
 * Pixels `column` … `end` − 1 of `row`, which begins at `line`, each column with the weights of its own entry at `table`.
 * Four pixels at a time, the last four may overlap those before; writes up to four bytes more.
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
    v128.store(target, Simd.pick(pixels, v128.load(WITHOUT_FOURTH)));
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

/** Bits of the channels whose four neighbors are the same. */
function level(entry: usize, down: usize): i32 {
  const p = load<usize>(entry, TAPS_BYTES) + down;
  const first = v128.load32_zero(p);
  const same12 = i8x16.eq(first, v128.load32_zero(p + stride));
  const same34 = i8x16.eq(v128.load32_zero(p + 2 * stride), v128.load32_zero(p + 3 * stride));
  const same13 = i8x16.eq(first, v128.load32_zero(p + 2 * stride));
  return i8x16.bitmask(v128.and(v128.and(same12, same34), same13)) & 7;
}

/** Where neighbors of output (0, 0) begin that lie `left` and `top` pixels from the picture's first. */
export function neighbors(left: i32, top: i32): usize {
  return origin + <usize>top * stride + <usize>left * 3;
}
