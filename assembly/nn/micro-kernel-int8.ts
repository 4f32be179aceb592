// Made by generate-micro-kernel-int8.mjs: do not edit. Register blocks of the int8 product (linear-int8.ts), rows × columns.
//
// c f32 [rows, columns] = Σ q · weight, times rowScales [rows] and columnScales [columns] (+ bias [columns]) (+ residual).
//
//   pairs    rows of q int16, panel int16 [⌈k/2⌉, 8, 2]: i32x4.dot_i16x8_s, two steps of k
//   digits   rows of q + 8192 in two digits of seven bits, panel int8 [⌈k/4⌉, 8, 4]: i32x4.relaxed_dot_i8x16_i7x16_add_s, four
//            steps of k for each digit; the sum is 128·high + low − offsets [columns], offset = 8192·Σ weight
//
// Sums are exact (what overflows on the way comes back, for int32 wraps), so forms and blocks change no bit; nothing behind them
// is fused. The stores stand behind all loads, for V8 joins no two halves with a store between them.

import { Dot } from "./dot";

export function pairsRows1(
  a: usize,
  panel: usize,
  panelBytes: usize,
  steps: usize,
  c: usize,
  cStride: usize,
  rowScales: usize,
  columnScales: usize,
  offsets: usize,
  bias: usize,
  residual: usize,
): void {
  let high0_0 = i32x4.splat(0);
  let high0_1 = i32x4.splat(0);
  const end = a + (steps << 2);
  while (a !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a);
    high0_0 = i32x4.add(high0_0, i32x4.dot_i16x8_s(x0, b0));
    high0_1 = i32x4.add(high0_1, i32x4.dot_i16x8_s(x0, b1));
    a += 4;
    panel += 32;
  }
  const scale0 = v128.load(columnScales);
  const scale1 = v128.load(columnScales, 16);
  const row0 = v128.load32_splat(rowScales);
  let f0_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_0), row0), scale0);
  let f0_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_1), row0), scale1);
  if (bias) {
    const b0 = v128.load(bias);
    const b1 = v128.load(bias, 16);
    f0_0 = f32x4.add(f0_0, b0);
    f0_1 = f32x4.add(f0_1, b1);
  }
  if (residual) {
    f0_0 = f32x4.add(f0_0, v128.load(residual));
    f0_1 = f32x4.add(f0_1, v128.load(residual, 16));
  }
  v128.store(c, f0_0);
  v128.store(c, f0_1, 16);
}

export function pairsRows2(
  a: usize,
  panel: usize,
  panelBytes: usize,
  steps: usize,
  c: usize,
  cStride: usize,
  rowScales: usize,
  columnScales: usize,
  offsets: usize,
  bias: usize,
  residual: usize,
): void {
  let high0_0 = i32x4.splat(0);
  let high0_1 = i32x4.splat(0);
  let high1_0 = i32x4.splat(0);
  let high1_1 = i32x4.splat(0);
  const end = a + (steps << 2);
  while (a !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a);
    high0_0 = i32x4.add(high0_0, i32x4.dot_i16x8_s(x0, b0));
    high0_1 = i32x4.add(high0_1, i32x4.dot_i16x8_s(x0, b1));
    const x1 = v128.load32_splat(a, 17088);
    high1_0 = i32x4.add(high1_0, i32x4.dot_i16x8_s(x1, b0));
    high1_1 = i32x4.add(high1_1, i32x4.dot_i16x8_s(x1, b1));
    a += 4;
    panel += 32;
  }
  const scale0 = v128.load(columnScales);
  const scale1 = v128.load(columnScales, 16);
  const row0 = v128.load32_splat(rowScales);
  const row1 = v128.load32_splat(rowScales, 4);
  let f0_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_0), row0), scale0);
  let f0_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_1), row0), scale1);
  let f1_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high1_0), row1), scale0);
  let f1_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high1_1), row1), scale1);
  if (bias) {
    const b0 = v128.load(bias);
    const b1 = v128.load(bias, 16);
    f0_0 = f32x4.add(f0_0, b0);
    f0_1 = f32x4.add(f0_1, b1);
    f1_0 = f32x4.add(f1_0, b0);
    f1_1 = f32x4.add(f1_1, b1);
  }
  if (residual) {
    f0_0 = f32x4.add(f0_0, v128.load(residual));
    f0_1 = f32x4.add(f0_1, v128.load(residual, 16));
    residual += cStride;
    f1_0 = f32x4.add(f1_0, v128.load(residual));
    f1_1 = f32x4.add(f1_1, v128.load(residual, 16));
  }
  v128.store(c, f0_0);
  v128.store(c, f0_1, 16);
  c += cStride;
  v128.store(c, f1_0);
  v128.store(c, f1_1, 16);
}

export function pairsRows3(
  a: usize,
  panel: usize,
  panelBytes: usize,
  steps: usize,
  c: usize,
  cStride: usize,
  rowScales: usize,
  columnScales: usize,
  offsets: usize,
  bias: usize,
  residual: usize,
): void {
  let high0_0 = i32x4.splat(0);
  let high0_1 = i32x4.splat(0);
  let high1_0 = i32x4.splat(0);
  let high1_1 = i32x4.splat(0);
  let high2_0 = i32x4.splat(0);
  let high2_1 = i32x4.splat(0);
  const end = a + (steps << 2);
  while (a !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a);
    high0_0 = i32x4.add(high0_0, i32x4.dot_i16x8_s(x0, b0));
    high0_1 = i32x4.add(high0_1, i32x4.dot_i16x8_s(x0, b1));
    const x1 = v128.load32_splat(a, 17088);
    high1_0 = i32x4.add(high1_0, i32x4.dot_i16x8_s(x1, b0));
    high1_1 = i32x4.add(high1_1, i32x4.dot_i16x8_s(x1, b1));
    const x2 = v128.load32_splat(a, 34176);
    high2_0 = i32x4.add(high2_0, i32x4.dot_i16x8_s(x2, b0));
    high2_1 = i32x4.add(high2_1, i32x4.dot_i16x8_s(x2, b1));
    a += 4;
    panel += 32;
  }
  const scale0 = v128.load(columnScales);
  const scale1 = v128.load(columnScales, 16);
  const row0 = v128.load32_splat(rowScales);
  const row1 = v128.load32_splat(rowScales, 4);
  const row2 = v128.load32_splat(rowScales, 8);
  let f0_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_0), row0), scale0);
  let f0_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_1), row0), scale1);
  let f1_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high1_0), row1), scale0);
  let f1_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high1_1), row1), scale1);
  let f2_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high2_0), row2), scale0);
  let f2_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high2_1), row2), scale1);
  if (bias) {
    const b0 = v128.load(bias);
    const b1 = v128.load(bias, 16);
    f0_0 = f32x4.add(f0_0, b0);
    f0_1 = f32x4.add(f0_1, b1);
    f1_0 = f32x4.add(f1_0, b0);
    f1_1 = f32x4.add(f1_1, b1);
    f2_0 = f32x4.add(f2_0, b0);
    f2_1 = f32x4.add(f2_1, b1);
  }
  if (residual) {
    f0_0 = f32x4.add(f0_0, v128.load(residual));
    f0_1 = f32x4.add(f0_1, v128.load(residual, 16));
    residual += cStride;
    f1_0 = f32x4.add(f1_0, v128.load(residual));
    f1_1 = f32x4.add(f1_1, v128.load(residual, 16));
    residual += cStride;
    f2_0 = f32x4.add(f2_0, v128.load(residual));
    f2_1 = f32x4.add(f2_1, v128.load(residual, 16));
  }
  v128.store(c, f0_0);
  v128.store(c, f0_1, 16);
  c += cStride;
  v128.store(c, f1_0);
  v128.store(c, f1_1, 16);
  c += cStride;
  v128.store(c, f2_0);
  v128.store(c, f2_1, 16);
}

export function pairsRows4(
  a: usize,
  panel: usize,
  panelBytes: usize,
  steps: usize,
  c: usize,
  cStride: usize,
  rowScales: usize,
  columnScales: usize,
  offsets: usize,
  bias: usize,
  residual: usize,
): void {
  let high0_0 = i32x4.splat(0);
  let high0_1 = i32x4.splat(0);
  let high1_0 = i32x4.splat(0);
  let high1_1 = i32x4.splat(0);
  let high2_0 = i32x4.splat(0);
  let high2_1 = i32x4.splat(0);
  let high3_0 = i32x4.splat(0);
  let high3_1 = i32x4.splat(0);
  const end = a + (steps << 2);
  while (a !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a);
    high0_0 = i32x4.add(high0_0, i32x4.dot_i16x8_s(x0, b0));
    high0_1 = i32x4.add(high0_1, i32x4.dot_i16x8_s(x0, b1));
    const x1 = v128.load32_splat(a, 17088);
    high1_0 = i32x4.add(high1_0, i32x4.dot_i16x8_s(x1, b0));
    high1_1 = i32x4.add(high1_1, i32x4.dot_i16x8_s(x1, b1));
    const x2 = v128.load32_splat(a, 34176);
    high2_0 = i32x4.add(high2_0, i32x4.dot_i16x8_s(x2, b0));
    high2_1 = i32x4.add(high2_1, i32x4.dot_i16x8_s(x2, b1));
    const x3 = v128.load32_splat(a, 51264);
    high3_0 = i32x4.add(high3_0, i32x4.dot_i16x8_s(x3, b0));
    high3_1 = i32x4.add(high3_1, i32x4.dot_i16x8_s(x3, b1));
    a += 4;
    panel += 32;
  }
  const scale0 = v128.load(columnScales);
  const scale1 = v128.load(columnScales, 16);
  const row0 = v128.load32_splat(rowScales);
  const row1 = v128.load32_splat(rowScales, 4);
  const row2 = v128.load32_splat(rowScales, 8);
  const row3 = v128.load32_splat(rowScales, 12);
  let f0_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_0), row0), scale0);
  let f0_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_1), row0), scale1);
  let f1_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high1_0), row1), scale0);
  let f1_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high1_1), row1), scale1);
  let f2_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high2_0), row2), scale0);
  let f2_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high2_1), row2), scale1);
  let f3_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high3_0), row3), scale0);
  let f3_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high3_1), row3), scale1);
  if (bias) {
    const b0 = v128.load(bias);
    const b1 = v128.load(bias, 16);
    f0_0 = f32x4.add(f0_0, b0);
    f0_1 = f32x4.add(f0_1, b1);
    f1_0 = f32x4.add(f1_0, b0);
    f1_1 = f32x4.add(f1_1, b1);
    f2_0 = f32x4.add(f2_0, b0);
    f2_1 = f32x4.add(f2_1, b1);
    f3_0 = f32x4.add(f3_0, b0);
    f3_1 = f32x4.add(f3_1, b1);
  }
  if (residual) {
    f0_0 = f32x4.add(f0_0, v128.load(residual));
    f0_1 = f32x4.add(f0_1, v128.load(residual, 16));
    residual += cStride;
    f1_0 = f32x4.add(f1_0, v128.load(residual));
    f1_1 = f32x4.add(f1_1, v128.load(residual, 16));
    residual += cStride;
    f2_0 = f32x4.add(f2_0, v128.load(residual));
    f2_1 = f32x4.add(f2_1, v128.load(residual, 16));
    residual += cStride;
    f3_0 = f32x4.add(f3_0, v128.load(residual));
    f3_1 = f32x4.add(f3_1, v128.load(residual, 16));
  }
  v128.store(c, f0_0);
  v128.store(c, f0_1, 16);
  c += cStride;
  v128.store(c, f1_0);
  v128.store(c, f1_1, 16);
  c += cStride;
  v128.store(c, f2_0);
  v128.store(c, f2_1, 16);
  c += cStride;
  v128.store(c, f3_0);
  v128.store(c, f3_1, 16);
}

export function pairsRows5(
  a: usize,
  panel: usize,
  panelBytes: usize,
  steps: usize,
  c: usize,
  cStride: usize,
  rowScales: usize,
  columnScales: usize,
  offsets: usize,
  bias: usize,
  residual: usize,
): void {
  let high0_0 = i32x4.splat(0);
  let high0_1 = i32x4.splat(0);
  let high1_0 = i32x4.splat(0);
  let high1_1 = i32x4.splat(0);
  let high2_0 = i32x4.splat(0);
  let high2_1 = i32x4.splat(0);
  let high3_0 = i32x4.splat(0);
  let high3_1 = i32x4.splat(0);
  let high4_0 = i32x4.splat(0);
  let high4_1 = i32x4.splat(0);
  const end = a + (steps << 2);
  while (a !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a);
    high0_0 = i32x4.add(high0_0, i32x4.dot_i16x8_s(x0, b0));
    high0_1 = i32x4.add(high0_1, i32x4.dot_i16x8_s(x0, b1));
    const x1 = v128.load32_splat(a, 17088);
    high1_0 = i32x4.add(high1_0, i32x4.dot_i16x8_s(x1, b0));
    high1_1 = i32x4.add(high1_1, i32x4.dot_i16x8_s(x1, b1));
    const x2 = v128.load32_splat(a, 34176);
    high2_0 = i32x4.add(high2_0, i32x4.dot_i16x8_s(x2, b0));
    high2_1 = i32x4.add(high2_1, i32x4.dot_i16x8_s(x2, b1));
    const x3 = v128.load32_splat(a, 51264);
    high3_0 = i32x4.add(high3_0, i32x4.dot_i16x8_s(x3, b0));
    high3_1 = i32x4.add(high3_1, i32x4.dot_i16x8_s(x3, b1));
    const x4 = v128.load32_splat(a, 68352);
    high4_0 = i32x4.add(high4_0, i32x4.dot_i16x8_s(x4, b0));
    high4_1 = i32x4.add(high4_1, i32x4.dot_i16x8_s(x4, b1));
    a += 4;
    panel += 32;
  }
  const scale0 = v128.load(columnScales);
  const scale1 = v128.load(columnScales, 16);
  const row0 = v128.load32_splat(rowScales);
  const row1 = v128.load32_splat(rowScales, 4);
  const row2 = v128.load32_splat(rowScales, 8);
  const row3 = v128.load32_splat(rowScales, 12);
  const row4 = v128.load32_splat(rowScales, 16);
  let f0_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_0), row0), scale0);
  let f0_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_1), row0), scale1);
  let f1_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high1_0), row1), scale0);
  let f1_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high1_1), row1), scale1);
  let f2_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high2_0), row2), scale0);
  let f2_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high2_1), row2), scale1);
  let f3_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high3_0), row3), scale0);
  let f3_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high3_1), row3), scale1);
  let f4_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high4_0), row4), scale0);
  let f4_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high4_1), row4), scale1);
  if (bias) {
    const b0 = v128.load(bias);
    const b1 = v128.load(bias, 16);
    f0_0 = f32x4.add(f0_0, b0);
    f0_1 = f32x4.add(f0_1, b1);
    f1_0 = f32x4.add(f1_0, b0);
    f1_1 = f32x4.add(f1_1, b1);
    f2_0 = f32x4.add(f2_0, b0);
    f2_1 = f32x4.add(f2_1, b1);
    f3_0 = f32x4.add(f3_0, b0);
    f3_1 = f32x4.add(f3_1, b1);
    f4_0 = f32x4.add(f4_0, b0);
    f4_1 = f32x4.add(f4_1, b1);
  }
  if (residual) {
    f0_0 = f32x4.add(f0_0, v128.load(residual));
    f0_1 = f32x4.add(f0_1, v128.load(residual, 16));
    residual += cStride;
    f1_0 = f32x4.add(f1_0, v128.load(residual));
    f1_1 = f32x4.add(f1_1, v128.load(residual, 16));
    residual += cStride;
    f2_0 = f32x4.add(f2_0, v128.load(residual));
    f2_1 = f32x4.add(f2_1, v128.load(residual, 16));
    residual += cStride;
    f3_0 = f32x4.add(f3_0, v128.load(residual));
    f3_1 = f32x4.add(f3_1, v128.load(residual, 16));
    residual += cStride;
    f4_0 = f32x4.add(f4_0, v128.load(residual));
    f4_1 = f32x4.add(f4_1, v128.load(residual, 16));
  }
  v128.store(c, f0_0);
  v128.store(c, f0_1, 16);
  c += cStride;
  v128.store(c, f1_0);
  v128.store(c, f1_1, 16);
  c += cStride;
  v128.store(c, f2_0);
  v128.store(c, f2_1, 16);
  c += cStride;
  v128.store(c, f3_0);
  v128.store(c, f3_1, 16);
  c += cStride;
  v128.store(c, f4_0);
  v128.store(c, f4_1, 16);
}

export function digits8Rows1(
  a: usize,
  panel: usize,
  panelBytes: usize,
  steps: usize,
  c: usize,
  cStride: usize,
  rowScales: usize,
  columnScales: usize,
  offsets: usize,
  bias: usize,
  residual: usize,
): void {
  let high0_0 = i32x4.splat(0);
  let low0_0 = i32x4.splat(0);
  let high0_1 = i32x4.splat(0);
  let low0_1 = i32x4.splat(0);
  const end = a + (steps << 2);
  while (a !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a);
    high0_0 = Dot.fours(b0, x0, high0_0);
    high0_1 = Dot.fours(b1, x0, high0_1);
    const y0 = v128.load32_splat(a, 8512);
    low0_0 = Dot.fours(b0, y0, low0_0);
    low0_1 = Dot.fours(b1, y0, low0_1);
    a += 4;
    panel += 32;
  }
  const offset0 = v128.load(offsets);
  const offset1 = v128.load(offsets, 16);
  high0_0 = i32x4.sub(i32x4.add(i32x4.shl(high0_0, 7), low0_0), offset0);
  high0_1 = i32x4.sub(i32x4.add(i32x4.shl(high0_1, 7), low0_1), offset1);
  const scale0 = v128.load(columnScales);
  const scale1 = v128.load(columnScales, 16);
  const row0 = v128.load32_splat(rowScales);
  let f0_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_0), row0), scale0);
  let f0_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_1), row0), scale1);
  if (bias) {
    const b0 = v128.load(bias);
    const b1 = v128.load(bias, 16);
    f0_0 = f32x4.add(f0_0, b0);
    f0_1 = f32x4.add(f0_1, b1);
  }
  if (residual) {
    f0_0 = f32x4.add(f0_0, v128.load(residual));
    f0_1 = f32x4.add(f0_1, v128.load(residual, 16));
  }
  v128.store(c, f0_0);
  v128.store(c, f0_1, 16);
}

export function digits8Rows2(
  a: usize,
  panel: usize,
  panelBytes: usize,
  steps: usize,
  c: usize,
  cStride: usize,
  rowScales: usize,
  columnScales: usize,
  offsets: usize,
  bias: usize,
  residual: usize,
): void {
  let high0_0 = i32x4.splat(0);
  let low0_0 = i32x4.splat(0);
  let high0_1 = i32x4.splat(0);
  let low0_1 = i32x4.splat(0);
  let high1_0 = i32x4.splat(0);
  let low1_0 = i32x4.splat(0);
  let high1_1 = i32x4.splat(0);
  let low1_1 = i32x4.splat(0);
  const end = a + (steps << 2);
  while (a !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a);
    high0_0 = Dot.fours(b0, x0, high0_0);
    high0_1 = Dot.fours(b1, x0, high0_1);
    const y0 = v128.load32_splat(a, 8512);
    low0_0 = Dot.fours(b0, y0, low0_0);
    low0_1 = Dot.fours(b1, y0, low0_1);
    const x1 = v128.load32_splat(a, 17088);
    high1_0 = Dot.fours(b0, x1, high1_0);
    high1_1 = Dot.fours(b1, x1, high1_1);
    const y1 = v128.load32_splat(a, 25600);
    low1_0 = Dot.fours(b0, y1, low1_0);
    low1_1 = Dot.fours(b1, y1, low1_1);
    a += 4;
    panel += 32;
  }
  const offset0 = v128.load(offsets);
  const offset1 = v128.load(offsets, 16);
  high0_0 = i32x4.sub(i32x4.add(i32x4.shl(high0_0, 7), low0_0), offset0);
  high0_1 = i32x4.sub(i32x4.add(i32x4.shl(high0_1, 7), low0_1), offset1);
  high1_0 = i32x4.sub(i32x4.add(i32x4.shl(high1_0, 7), low1_0), offset0);
  high1_1 = i32x4.sub(i32x4.add(i32x4.shl(high1_1, 7), low1_1), offset1);
  const scale0 = v128.load(columnScales);
  const scale1 = v128.load(columnScales, 16);
  const row0 = v128.load32_splat(rowScales);
  const row1 = v128.load32_splat(rowScales, 4);
  let f0_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_0), row0), scale0);
  let f0_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_1), row0), scale1);
  let f1_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high1_0), row1), scale0);
  let f1_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high1_1), row1), scale1);
  if (bias) {
    const b0 = v128.load(bias);
    const b1 = v128.load(bias, 16);
    f0_0 = f32x4.add(f0_0, b0);
    f0_1 = f32x4.add(f0_1, b1);
    f1_0 = f32x4.add(f1_0, b0);
    f1_1 = f32x4.add(f1_1, b1);
  }
  if (residual) {
    f0_0 = f32x4.add(f0_0, v128.load(residual));
    f0_1 = f32x4.add(f0_1, v128.load(residual, 16));
    residual += cStride;
    f1_0 = f32x4.add(f1_0, v128.load(residual));
    f1_1 = f32x4.add(f1_1, v128.load(residual, 16));
  }
  v128.store(c, f0_0);
  v128.store(c, f0_1, 16);
  c += cStride;
  v128.store(c, f1_0);
  v128.store(c, f1_1, 16);
}

export function digits8Rows3(
  a: usize,
  panel: usize,
  panelBytes: usize,
  steps: usize,
  c: usize,
  cStride: usize,
  rowScales: usize,
  columnScales: usize,
  offsets: usize,
  bias: usize,
  residual: usize,
): void {
  let high0_0 = i32x4.splat(0);
  let low0_0 = i32x4.splat(0);
  let high0_1 = i32x4.splat(0);
  let low0_1 = i32x4.splat(0);
  let high1_0 = i32x4.splat(0);
  let low1_0 = i32x4.splat(0);
  let high1_1 = i32x4.splat(0);
  let low1_1 = i32x4.splat(0);
  let high2_0 = i32x4.splat(0);
  let low2_0 = i32x4.splat(0);
  let high2_1 = i32x4.splat(0);
  let low2_1 = i32x4.splat(0);
  const end = a + (steps << 2);
  while (a !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a);
    high0_0 = Dot.fours(b0, x0, high0_0);
    high0_1 = Dot.fours(b1, x0, high0_1);
    const y0 = v128.load32_splat(a, 8512);
    low0_0 = Dot.fours(b0, y0, low0_0);
    low0_1 = Dot.fours(b1, y0, low0_1);
    const x1 = v128.load32_splat(a, 17088);
    high1_0 = Dot.fours(b0, x1, high1_0);
    high1_1 = Dot.fours(b1, x1, high1_1);
    const y1 = v128.load32_splat(a, 25600);
    low1_0 = Dot.fours(b0, y1, low1_0);
    low1_1 = Dot.fours(b1, y1, low1_1);
    const x2 = v128.load32_splat(a, 34176);
    high2_0 = Dot.fours(b0, x2, high2_0);
    high2_1 = Dot.fours(b1, x2, high2_1);
    const y2 = v128.load32_splat(a, 42688);
    low2_0 = Dot.fours(b0, y2, low2_0);
    low2_1 = Dot.fours(b1, y2, low2_1);
    a += 4;
    panel += 32;
  }
  const offset0 = v128.load(offsets);
  const offset1 = v128.load(offsets, 16);
  high0_0 = i32x4.sub(i32x4.add(i32x4.shl(high0_0, 7), low0_0), offset0);
  high0_1 = i32x4.sub(i32x4.add(i32x4.shl(high0_1, 7), low0_1), offset1);
  high1_0 = i32x4.sub(i32x4.add(i32x4.shl(high1_0, 7), low1_0), offset0);
  high1_1 = i32x4.sub(i32x4.add(i32x4.shl(high1_1, 7), low1_1), offset1);
  high2_0 = i32x4.sub(i32x4.add(i32x4.shl(high2_0, 7), low2_0), offset0);
  high2_1 = i32x4.sub(i32x4.add(i32x4.shl(high2_1, 7), low2_1), offset1);
  const scale0 = v128.load(columnScales);
  const scale1 = v128.load(columnScales, 16);
  const row0 = v128.load32_splat(rowScales);
  const row1 = v128.load32_splat(rowScales, 4);
  const row2 = v128.load32_splat(rowScales, 8);
  let f0_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_0), row0), scale0);
  let f0_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_1), row0), scale1);
  let f1_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high1_0), row1), scale0);
  let f1_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high1_1), row1), scale1);
  let f2_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high2_0), row2), scale0);
  let f2_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high2_1), row2), scale1);
  if (bias) {
    const b0 = v128.load(bias);
    const b1 = v128.load(bias, 16);
    f0_0 = f32x4.add(f0_0, b0);
    f0_1 = f32x4.add(f0_1, b1);
    f1_0 = f32x4.add(f1_0, b0);
    f1_1 = f32x4.add(f1_1, b1);
    f2_0 = f32x4.add(f2_0, b0);
    f2_1 = f32x4.add(f2_1, b1);
  }
  if (residual) {
    f0_0 = f32x4.add(f0_0, v128.load(residual));
    f0_1 = f32x4.add(f0_1, v128.load(residual, 16));
    residual += cStride;
    f1_0 = f32x4.add(f1_0, v128.load(residual));
    f1_1 = f32x4.add(f1_1, v128.load(residual, 16));
    residual += cStride;
    f2_0 = f32x4.add(f2_0, v128.load(residual));
    f2_1 = f32x4.add(f2_1, v128.load(residual, 16));
  }
  v128.store(c, f0_0);
  v128.store(c, f0_1, 16);
  c += cStride;
  v128.store(c, f1_0);
  v128.store(c, f1_1, 16);
  c += cStride;
  v128.store(c, f2_0);
  v128.store(c, f2_1, 16);
}

export function digits16Rows1(
  a: usize,
  panel: usize,
  panelBytes: usize,
  steps: usize,
  c: usize,
  cStride: usize,
  rowScales: usize,
  columnScales: usize,
  offsets: usize,
  bias: usize,
  residual: usize,
): void {
  let high0_0 = i32x4.splat(0);
  let low0_0 = i32x4.splat(0);
  let high0_1 = i32x4.splat(0);
  let low0_1 = i32x4.splat(0);
  let high0_2 = i32x4.splat(0);
  let low0_2 = i32x4.splat(0);
  let high0_3 = i32x4.splat(0);
  let low0_3 = i32x4.splat(0);
  let next = panel + panelBytes;
  const end = a + (steps << 2);
  while (a !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const b2 = v128.load(next);
    const b3 = v128.load(next, 16);
    const x0 = v128.load32_splat(a);
    high0_0 = Dot.fours(b0, x0, high0_0);
    high0_1 = Dot.fours(b1, x0, high0_1);
    high0_2 = Dot.fours(b2, x0, high0_2);
    high0_3 = Dot.fours(b3, x0, high0_3);
    const y0 = v128.load32_splat(a, 8512);
    low0_0 = Dot.fours(b0, y0, low0_0);
    low0_1 = Dot.fours(b1, y0, low0_1);
    low0_2 = Dot.fours(b2, y0, low0_2);
    low0_3 = Dot.fours(b3, y0, low0_3);
    a += 4;
    panel += 32;
    next += 32;
  }
  const offset0 = v128.load(offsets);
  const offset1 = v128.load(offsets, 16);
  const offset2 = v128.load(offsets, 32);
  const offset3 = v128.load(offsets, 48);
  high0_0 = i32x4.sub(i32x4.add(i32x4.shl(high0_0, 7), low0_0), offset0);
  high0_1 = i32x4.sub(i32x4.add(i32x4.shl(high0_1, 7), low0_1), offset1);
  high0_2 = i32x4.sub(i32x4.add(i32x4.shl(high0_2, 7), low0_2), offset2);
  high0_3 = i32x4.sub(i32x4.add(i32x4.shl(high0_3, 7), low0_3), offset3);
  const scale0 = v128.load(columnScales);
  const scale1 = v128.load(columnScales, 16);
  const scale2 = v128.load(columnScales, 32);
  const scale3 = v128.load(columnScales, 48);
  const row0 = v128.load32_splat(rowScales);
  let f0_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_0), row0), scale0);
  let f0_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_1), row0), scale1);
  let f0_2 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_2), row0), scale2);
  let f0_3 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_3), row0), scale3);
  if (bias) {
    const b0 = v128.load(bias);
    const b1 = v128.load(bias, 16);
    const b2 = v128.load(bias, 32);
    const b3 = v128.load(bias, 48);
    f0_0 = f32x4.add(f0_0, b0);
    f0_1 = f32x4.add(f0_1, b1);
    f0_2 = f32x4.add(f0_2, b2);
    f0_3 = f32x4.add(f0_3, b3);
  }
  if (residual) {
    f0_0 = f32x4.add(f0_0, v128.load(residual));
    f0_1 = f32x4.add(f0_1, v128.load(residual, 16));
    f0_2 = f32x4.add(f0_2, v128.load(residual, 32));
    f0_3 = f32x4.add(f0_3, v128.load(residual, 48));
  }
  v128.store(c, f0_0);
  v128.store(c, f0_1, 16);
  v128.store(c, f0_2, 32);
  v128.store(c, f0_3, 48);
}

export function digits16Rows2(
  a: usize,
  panel: usize,
  panelBytes: usize,
  steps: usize,
  c: usize,
  cStride: usize,
  rowScales: usize,
  columnScales: usize,
  offsets: usize,
  bias: usize,
  residual: usize,
): void {
  let high0_0 = i32x4.splat(0);
  let low0_0 = i32x4.splat(0);
  let high0_1 = i32x4.splat(0);
  let low0_1 = i32x4.splat(0);
  let high0_2 = i32x4.splat(0);
  let low0_2 = i32x4.splat(0);
  let high0_3 = i32x4.splat(0);
  let low0_3 = i32x4.splat(0);
  let high1_0 = i32x4.splat(0);
  let low1_0 = i32x4.splat(0);
  let high1_1 = i32x4.splat(0);
  let low1_1 = i32x4.splat(0);
  let high1_2 = i32x4.splat(0);
  let low1_2 = i32x4.splat(0);
  let high1_3 = i32x4.splat(0);
  let low1_3 = i32x4.splat(0);
  let next = panel + panelBytes;
  const end = a + (steps << 2);
  while (a !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const b2 = v128.load(next);
    const b3 = v128.load(next, 16);
    const x0 = v128.load32_splat(a);
    high0_0 = Dot.fours(b0, x0, high0_0);
    high0_1 = Dot.fours(b1, x0, high0_1);
    high0_2 = Dot.fours(b2, x0, high0_2);
    high0_3 = Dot.fours(b3, x0, high0_3);
    const y0 = v128.load32_splat(a, 8512);
    low0_0 = Dot.fours(b0, y0, low0_0);
    low0_1 = Dot.fours(b1, y0, low0_1);
    low0_2 = Dot.fours(b2, y0, low0_2);
    low0_3 = Dot.fours(b3, y0, low0_3);
    const x1 = v128.load32_splat(a, 17088);
    high1_0 = Dot.fours(b0, x1, high1_0);
    high1_1 = Dot.fours(b1, x1, high1_1);
    high1_2 = Dot.fours(b2, x1, high1_2);
    high1_3 = Dot.fours(b3, x1, high1_3);
    const y1 = v128.load32_splat(a, 25600);
    low1_0 = Dot.fours(b0, y1, low1_0);
    low1_1 = Dot.fours(b1, y1, low1_1);
    low1_2 = Dot.fours(b2, y1, low1_2);
    low1_3 = Dot.fours(b3, y1, low1_3);
    a += 4;
    panel += 32;
    next += 32;
  }
  const offset0 = v128.load(offsets);
  const offset1 = v128.load(offsets, 16);
  const offset2 = v128.load(offsets, 32);
  const offset3 = v128.load(offsets, 48);
  high0_0 = i32x4.sub(i32x4.add(i32x4.shl(high0_0, 7), low0_0), offset0);
  high0_1 = i32x4.sub(i32x4.add(i32x4.shl(high0_1, 7), low0_1), offset1);
  high0_2 = i32x4.sub(i32x4.add(i32x4.shl(high0_2, 7), low0_2), offset2);
  high0_3 = i32x4.sub(i32x4.add(i32x4.shl(high0_3, 7), low0_3), offset3);
  high1_0 = i32x4.sub(i32x4.add(i32x4.shl(high1_0, 7), low1_0), offset0);
  high1_1 = i32x4.sub(i32x4.add(i32x4.shl(high1_1, 7), low1_1), offset1);
  high1_2 = i32x4.sub(i32x4.add(i32x4.shl(high1_2, 7), low1_2), offset2);
  high1_3 = i32x4.sub(i32x4.add(i32x4.shl(high1_3, 7), low1_3), offset3);
  const scale0 = v128.load(columnScales);
  const scale1 = v128.load(columnScales, 16);
  const scale2 = v128.load(columnScales, 32);
  const scale3 = v128.load(columnScales, 48);
  const row0 = v128.load32_splat(rowScales);
  const row1 = v128.load32_splat(rowScales, 4);
  let f0_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_0), row0), scale0);
  let f0_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_1), row0), scale1);
  let f0_2 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_2), row0), scale2);
  let f0_3 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_3), row0), scale3);
  let f1_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high1_0), row1), scale0);
  let f1_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high1_1), row1), scale1);
  let f1_2 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high1_2), row1), scale2);
  let f1_3 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high1_3), row1), scale3);
  if (bias) {
    const b0 = v128.load(bias);
    const b1 = v128.load(bias, 16);
    const b2 = v128.load(bias, 32);
    const b3 = v128.load(bias, 48);
    f0_0 = f32x4.add(f0_0, b0);
    f0_1 = f32x4.add(f0_1, b1);
    f0_2 = f32x4.add(f0_2, b2);
    f0_3 = f32x4.add(f0_3, b3);
    f1_0 = f32x4.add(f1_0, b0);
    f1_1 = f32x4.add(f1_1, b1);
    f1_2 = f32x4.add(f1_2, b2);
    f1_3 = f32x4.add(f1_3, b3);
  }
  if (residual) {
    f0_0 = f32x4.add(f0_0, v128.load(residual));
    f0_1 = f32x4.add(f0_1, v128.load(residual, 16));
    f0_2 = f32x4.add(f0_2, v128.load(residual, 32));
    f0_3 = f32x4.add(f0_3, v128.load(residual, 48));
    residual += cStride;
    f1_0 = f32x4.add(f1_0, v128.load(residual));
    f1_1 = f32x4.add(f1_1, v128.load(residual, 16));
    f1_2 = f32x4.add(f1_2, v128.load(residual, 32));
    f1_3 = f32x4.add(f1_3, v128.load(residual, 48));
  }
  v128.store(c, f0_0);
  v128.store(c, f0_1, 16);
  v128.store(c, f0_2, 32);
  v128.store(c, f0_3, 48);
  c += cStride;
  v128.store(c, f1_0);
  v128.store(c, f1_1, 16);
  v128.store(c, f1_2, 32);
  v128.store(c, f1_3, 48);
}

export function digits16Rows3(
  a: usize,
  panel: usize,
  panelBytes: usize,
  steps: usize,
  c: usize,
  cStride: usize,
  rowScales: usize,
  columnScales: usize,
  offsets: usize,
  bias: usize,
  residual: usize,
): void {
  let high0_0 = i32x4.splat(0);
  let low0_0 = i32x4.splat(0);
  let high0_1 = i32x4.splat(0);
  let low0_1 = i32x4.splat(0);
  let high0_2 = i32x4.splat(0);
  let low0_2 = i32x4.splat(0);
  let high0_3 = i32x4.splat(0);
  let low0_3 = i32x4.splat(0);
  let high1_0 = i32x4.splat(0);
  let low1_0 = i32x4.splat(0);
  let high1_1 = i32x4.splat(0);
  let low1_1 = i32x4.splat(0);
  let high1_2 = i32x4.splat(0);
  let low1_2 = i32x4.splat(0);
  let high1_3 = i32x4.splat(0);
  let low1_3 = i32x4.splat(0);
  let high2_0 = i32x4.splat(0);
  let low2_0 = i32x4.splat(0);
  let high2_1 = i32x4.splat(0);
  let low2_1 = i32x4.splat(0);
  let high2_2 = i32x4.splat(0);
  let low2_2 = i32x4.splat(0);
  let high2_3 = i32x4.splat(0);
  let low2_3 = i32x4.splat(0);
  let next = panel + panelBytes;
  const end = a + (steps << 2);
  while (a !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const b2 = v128.load(next);
    const b3 = v128.load(next, 16);
    const x0 = v128.load32_splat(a);
    high0_0 = Dot.fours(b0, x0, high0_0);
    high0_1 = Dot.fours(b1, x0, high0_1);
    high0_2 = Dot.fours(b2, x0, high0_2);
    high0_3 = Dot.fours(b3, x0, high0_3);
    const y0 = v128.load32_splat(a, 8512);
    low0_0 = Dot.fours(b0, y0, low0_0);
    low0_1 = Dot.fours(b1, y0, low0_1);
    low0_2 = Dot.fours(b2, y0, low0_2);
    low0_3 = Dot.fours(b3, y0, low0_3);
    const x1 = v128.load32_splat(a, 17088);
    high1_0 = Dot.fours(b0, x1, high1_0);
    high1_1 = Dot.fours(b1, x1, high1_1);
    high1_2 = Dot.fours(b2, x1, high1_2);
    high1_3 = Dot.fours(b3, x1, high1_3);
    const y1 = v128.load32_splat(a, 25600);
    low1_0 = Dot.fours(b0, y1, low1_0);
    low1_1 = Dot.fours(b1, y1, low1_1);
    low1_2 = Dot.fours(b2, y1, low1_2);
    low1_3 = Dot.fours(b3, y1, low1_3);
    const x2 = v128.load32_splat(a, 34176);
    high2_0 = Dot.fours(b0, x2, high2_0);
    high2_1 = Dot.fours(b1, x2, high2_1);
    high2_2 = Dot.fours(b2, x2, high2_2);
    high2_3 = Dot.fours(b3, x2, high2_3);
    const y2 = v128.load32_splat(a, 42688);
    low2_0 = Dot.fours(b0, y2, low2_0);
    low2_1 = Dot.fours(b1, y2, low2_1);
    low2_2 = Dot.fours(b2, y2, low2_2);
    low2_3 = Dot.fours(b3, y2, low2_3);
    a += 4;
    panel += 32;
    next += 32;
  }
  const offset0 = v128.load(offsets);
  const offset1 = v128.load(offsets, 16);
  const offset2 = v128.load(offsets, 32);
  const offset3 = v128.load(offsets, 48);
  high0_0 = i32x4.sub(i32x4.add(i32x4.shl(high0_0, 7), low0_0), offset0);
  high0_1 = i32x4.sub(i32x4.add(i32x4.shl(high0_1, 7), low0_1), offset1);
  high0_2 = i32x4.sub(i32x4.add(i32x4.shl(high0_2, 7), low0_2), offset2);
  high0_3 = i32x4.sub(i32x4.add(i32x4.shl(high0_3, 7), low0_3), offset3);
  high1_0 = i32x4.sub(i32x4.add(i32x4.shl(high1_0, 7), low1_0), offset0);
  high1_1 = i32x4.sub(i32x4.add(i32x4.shl(high1_1, 7), low1_1), offset1);
  high1_2 = i32x4.sub(i32x4.add(i32x4.shl(high1_2, 7), low1_2), offset2);
  high1_3 = i32x4.sub(i32x4.add(i32x4.shl(high1_3, 7), low1_3), offset3);
  high2_0 = i32x4.sub(i32x4.add(i32x4.shl(high2_0, 7), low2_0), offset0);
  high2_1 = i32x4.sub(i32x4.add(i32x4.shl(high2_1, 7), low2_1), offset1);
  high2_2 = i32x4.sub(i32x4.add(i32x4.shl(high2_2, 7), low2_2), offset2);
  high2_3 = i32x4.sub(i32x4.add(i32x4.shl(high2_3, 7), low2_3), offset3);
  const scale0 = v128.load(columnScales);
  const scale1 = v128.load(columnScales, 16);
  const scale2 = v128.load(columnScales, 32);
  const scale3 = v128.load(columnScales, 48);
  const row0 = v128.load32_splat(rowScales);
  const row1 = v128.load32_splat(rowScales, 4);
  const row2 = v128.load32_splat(rowScales, 8);
  let f0_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_0), row0), scale0);
  let f0_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_1), row0), scale1);
  let f0_2 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_2), row0), scale2);
  let f0_3 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high0_3), row0), scale3);
  let f1_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high1_0), row1), scale0);
  let f1_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high1_1), row1), scale1);
  let f1_2 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high1_2), row1), scale2);
  let f1_3 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high1_3), row1), scale3);
  let f2_0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high2_0), row2), scale0);
  let f2_1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high2_1), row2), scale1);
  let f2_2 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high2_2), row2), scale2);
  let f2_3 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high2_3), row2), scale3);
  if (bias) {
    const b0 = v128.load(bias);
    const b1 = v128.load(bias, 16);
    const b2 = v128.load(bias, 32);
    const b3 = v128.load(bias, 48);
    f0_0 = f32x4.add(f0_0, b0);
    f0_1 = f32x4.add(f0_1, b1);
    f0_2 = f32x4.add(f0_2, b2);
    f0_3 = f32x4.add(f0_3, b3);
    f1_0 = f32x4.add(f1_0, b0);
    f1_1 = f32x4.add(f1_1, b1);
    f1_2 = f32x4.add(f1_2, b2);
    f1_3 = f32x4.add(f1_3, b3);
    f2_0 = f32x4.add(f2_0, b0);
    f2_1 = f32x4.add(f2_1, b1);
    f2_2 = f32x4.add(f2_2, b2);
    f2_3 = f32x4.add(f2_3, b3);
  }
  if (residual) {
    f0_0 = f32x4.add(f0_0, v128.load(residual));
    f0_1 = f32x4.add(f0_1, v128.load(residual, 16));
    f0_2 = f32x4.add(f0_2, v128.load(residual, 32));
    f0_3 = f32x4.add(f0_3, v128.load(residual, 48));
    residual += cStride;
    f1_0 = f32x4.add(f1_0, v128.load(residual));
    f1_1 = f32x4.add(f1_1, v128.load(residual, 16));
    f1_2 = f32x4.add(f1_2, v128.load(residual, 32));
    f1_3 = f32x4.add(f1_3, v128.load(residual, 48));
    residual += cStride;
    f2_0 = f32x4.add(f2_0, v128.load(residual));
    f2_1 = f32x4.add(f2_1, v128.load(residual, 16));
    f2_2 = f32x4.add(f2_2, v128.load(residual, 32));
    f2_3 = f32x4.add(f2_3, v128.load(residual, 48));
  }
  v128.store(c, f0_0);
  v128.store(c, f0_1, 16);
  v128.store(c, f0_2, 32);
  v128.store(c, f0_3, 48);
  c += cStride;
  v128.store(c, f1_0);
  v128.store(c, f1_1, 16);
  v128.store(c, f1_2, 32);
  v128.store(c, f1_3, 48);
  c += cStride;
  v128.store(c, f2_0);
  v128.store(c, f2_1, 16);
  v128.store(c, f2_2, 32);
  v128.store(c, f2_3, 48);
}
