// IDCT, 4×4: the shortcut for blocks whose coefficients lie in the first four rows and columns.

import {
  COLUMN_SHIFT,
  FACTORS,
  Lines,
  ROUND_COLUMNS,
  ROUND_ROWS,
  ROW_SHIFT,
  work,
  writeColumns,
} from "./idct-lines";

/** As transform8x8 in idct.ts, with half of the column pass and no in4…in7 in either pass. */
export function transform4x4(block: usize, multipliers: usize, target: usize, stride: usize): void {
  const in0 = i16x8.mul(v128.load64_zero(block), v128.load(multipliers));
  const in1 = i16x8.mul(v128.load64_zero(block + 16), v128.load(multipliers, 16));
  const in2 = i16x8.mul(v128.load64_zero(block + 32), v128.load(multipliers, 32));
  const in3 = i16x8.mul(v128.load64_zero(block + 48), v128.load(multipliers, 48));
  let even = Lines.low(in0, in2);
  let odd = Lines.low(in1, in3);
  let round = v128.load(ROUND_COLUMNS);
  let e0 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 192)), round);
  let e1 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 208)), round);
  let e3 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 224)), round);
  let e2 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 240)), round);
  let o3 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 64));
  let o2 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 96));
  let o1 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 128));
  let o0 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 160));
  // Row pairs (r, r + 4) of columns 0…3, then a transpose that leaves only columns 0…3.
  const w04 = i16x8.narrow_i32x4_s(Lines.sum(e0, o3, COLUMN_SHIFT), Lines.difference(e3, o0, COLUMN_SHIFT));
  const w15 = i16x8.narrow_i32x4_s(Lines.sum(e1, o2, COLUMN_SHIFT), Lines.difference(e2, o1, COLUMN_SHIFT));
  const w26 = i16x8.narrow_i32x4_s(Lines.sum(e2, o1, COLUMN_SHIFT), Lines.difference(e1, o2, COLUMN_SHIFT));
  const w37 = i16x8.narrow_i32x4_s(Lines.sum(e3, o0, COLUMN_SHIFT), Lines.difference(e0, o3, COLUMN_SHIFT));
  // x: (r0, r2) of each column, then (r4, r6); y the same of rows 1, 3, 5, 7.
  const xLow = Lines.low(w04, w26);
  const xHigh = Lines.high(w04, w26);
  const yLow = Lines.low(w15, w37);
  const yHigh = Lines.high(w15, w37);
  // Rows 0…3 of columns (0, 1) and (2, 3), then rows 4…7.
  const c01Top = Lines.low(xLow, yLow);
  const c23Top = Lines.high(xLow, yLow);
  const c01Bottom = Lines.low(xHigh, yHigh);
  const c23Bottom = Lines.high(xHigh, yHigh);
  const col0 = v128.shuffle<i64>(c01Top, c01Bottom, 0, 2);
  const col1 = v128.shuffle<i64>(c01Top, c01Bottom, 1, 3);
  const col2 = v128.shuffle<i64>(c23Top, c23Bottom, 0, 2);
  const col3 = v128.shuffle<i64>(c23Top, c23Bottom, 1, 3);
  round = v128.load(ROUND_ROWS);
  even = Lines.low(col0, col2);
  odd = Lines.low(col1, col3);
  e0 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 192)), round);
  e1 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 208)), round);
  e3 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 224)), round);
  e2 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 240)), round);
  o3 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 64));
  o2 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 96));
  o1 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 128));
  o0 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 160));
  const low0 = Lines.sum(e0, o3, ROW_SHIFT);
  const low7 = Lines.difference(e0, o3, ROW_SHIFT);
  const low1 = Lines.sum(e1, o2, ROW_SHIFT);
  const low6 = Lines.difference(e1, o2, ROW_SHIFT);
  const low2 = Lines.sum(e2, o1, ROW_SHIFT);
  const low5 = Lines.difference(e2, o1, ROW_SHIFT);
  const low3 = Lines.sum(e3, o0, ROW_SHIFT);
  const low4 = Lines.difference(e3, o0, ROW_SHIFT);
  even = Lines.high(col0, col2);
  odd = Lines.high(col1, col3);
  e0 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 192)), round);
  e1 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 208)), round);
  e3 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 224)), round);
  e2 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 240)), round);
  o3 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 64));
  o2 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 96));
  o1 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 128));
  o0 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 160));
  v128.store(work, i16x8.narrow_i32x4_s(low0, Lines.sum(e0, o3, ROW_SHIFT)));
  v128.store(work, i16x8.narrow_i32x4_s(low7, Lines.difference(e0, o3, ROW_SHIFT)), 112);
  v128.store(work, i16x8.narrow_i32x4_s(low1, Lines.sum(e1, o2, ROW_SHIFT)), 16);
  v128.store(work, i16x8.narrow_i32x4_s(low6, Lines.difference(e1, o2, ROW_SHIFT)), 96);
  v128.store(work, i16x8.narrow_i32x4_s(low2, Lines.sum(e2, o1, ROW_SHIFT)), 32);
  v128.store(work, i16x8.narrow_i32x4_s(low5, Lines.difference(e2, o1, ROW_SHIFT)), 80);
  v128.store(work, i16x8.narrow_i32x4_s(low3, Lines.sum(e3, o0, ROW_SHIFT)), 48);
  v128.store(work, i16x8.narrow_i32x4_s(low4, Lines.difference(e3, o0, ROW_SHIFT)), 64);
  writeColumns(target, stride);
}
