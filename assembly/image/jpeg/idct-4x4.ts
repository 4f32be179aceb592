// IDCT, 4×4: the shortcut for blocks whose coefficients lie in the first four rows and columns.

import { FACTORS, Lines, ROUND, work } from "./idct-lines";
import { rowsOfFour } from "./idct-rows";

/** As transform8x8 in idct.ts, with half of the column pass and no in4…in7 in either pass. */
export function transform4x4(block: usize, multipliers: usize, target: usize, stride: usize): void {
  const in0 = i16x8.mul(v128.load64_zero(block), v128.load(multipliers));
  const in1 = i16x8.mul(v128.load64_zero(block + 16), v128.load(multipliers, 16));
  const in2 = i16x8.mul(v128.load64_zero(block + 32), v128.load(multipliers, 32));
  const in3 = i16x8.mul(v128.load64_zero(block + 48), v128.load(multipliers, 48));
  const even = Lines.lowColumns(in0, in2);
  const odd = Lines.lowColumns(in1, in3);
  const round = v128.load(ROUND);
  const e0 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 192)), round);
  const e1 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 208)), round);
  const e3 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 224)), round);
  const e2 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 240)), round);
  const o3 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 64));
  const o2 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 96));
  const o1 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 128));
  const o0 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 160));
  // Rows r and r + 4.
  v128.store(work, i16x8.narrow_i32x4_s(Lines.sum(e0, o3), Lines.difference(e3, o0)));
  v128.store(work, i16x8.narrow_i32x4_s(Lines.sum(e1, o2), Lines.difference(e2, o1)), 16);
  v128.store(work, i16x8.narrow_i32x4_s(Lines.sum(e2, o1), Lines.difference(e1, o2)), 32);
  v128.store(work, i16x8.narrow_i32x4_s(Lines.sum(e3, o0), Lines.difference(e0, o3)), 48);
  rowsOfFour(work, target, stride);
}
