// Made by generate-micro-kernel.mjs: do not edit. Register blocks of the matrix product, 1 to 6 rows × 8 columns.
//
// c [rows, 8] = a [rows, k] · panel [k, 8] (+ c) (+ bias [8]) (+ residual [rows, 8]); strides in bytes.
// Each value of c has one accumulator that goes through k upwards, so every block size gives the same bits.
// 16·rows flops a step of k for 32 bytes of panel and 4·rows bytes of a. Four rows hold 8 sums, 2 vectors of b and
// the products in 16 registers; six rows fit where multiply and add are one instruction (relaxed SIMD).

import { Float4 } from "./simd";

export function rows1(
  a: usize,
  aStride: usize,
  panel: usize,
  k: usize,
  c: usize,
  cStride: usize,
  bias: usize,
  residual: usize,
  accumulate: bool,
): void {
  let a0 = a;
  let left0 = f32x4.splat(0);
  let right0 = f32x4.splat(0);
  if (accumulate) {
    let from = c;
    left0 = v128.load(from);
    right0 = v128.load(from, 16);
  }
  const end = a0 + (k << 2);
  while (a0 !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a0);
    left0 = Float4.madd(x0, b0, left0);
    right0 = Float4.madd(x0, b1, right0);
    a0 += 4;
    panel += 32;
  }
  if (bias) {
    const b0 = v128.load(bias);
    const b1 = v128.load(bias, 16);
    left0 = f32x4.add(left0, b0);
    right0 = f32x4.add(right0, b1);
  }
  if (residual) {
    left0 = f32x4.add(left0, v128.load(residual));
    right0 = f32x4.add(right0, v128.load(residual, 16));
  }
  v128.store(c, left0);
  v128.store(c, right0, 16);
}

export function rows2(
  a: usize,
  aStride: usize,
  panel: usize,
  k: usize,
  c: usize,
  cStride: usize,
  bias: usize,
  residual: usize,
  accumulate: bool,
): void {
  let a0 = a;
  let a1 = a0 + aStride;
  let left0 = f32x4.splat(0);
  let right0 = f32x4.splat(0);
  let left1 = f32x4.splat(0);
  let right1 = f32x4.splat(0);
  if (accumulate) {
    let from = c;
    left0 = v128.load(from);
    right0 = v128.load(from, 16);
    from += cStride;
    left1 = v128.load(from);
    right1 = v128.load(from, 16);
  }
  const end = a0 + (k << 2);
  while (a0 !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a0);
    left0 = Float4.madd(x0, b0, left0);
    right0 = Float4.madd(x0, b1, right0);
    const x1 = v128.load32_splat(a1);
    left1 = Float4.madd(x1, b0, left1);
    right1 = Float4.madd(x1, b1, right1);
    a0 += 4;
    a1 += 4;
    panel += 32;
  }
  if (bias) {
    const b0 = v128.load(bias);
    const b1 = v128.load(bias, 16);
    left0 = f32x4.add(left0, b0);
    right0 = f32x4.add(right0, b1);
    left1 = f32x4.add(left1, b0);
    right1 = f32x4.add(right1, b1);
  }
  if (residual) {
    left0 = f32x4.add(left0, v128.load(residual));
    right0 = f32x4.add(right0, v128.load(residual, 16));
    residual += cStride;
    left1 = f32x4.add(left1, v128.load(residual));
    right1 = f32x4.add(right1, v128.load(residual, 16));
  }
  v128.store(c, left0);
  v128.store(c, right0, 16);
  c += cStride;
  v128.store(c, left1);
  v128.store(c, right1, 16);
}

export function rows3(
  a: usize,
  aStride: usize,
  panel: usize,
  k: usize,
  c: usize,
  cStride: usize,
  bias: usize,
  residual: usize,
  accumulate: bool,
): void {
  let a0 = a;
  let a1 = a0 + aStride;
  let a2 = a1 + aStride;
  let left0 = f32x4.splat(0);
  let right0 = f32x4.splat(0);
  let left1 = f32x4.splat(0);
  let right1 = f32x4.splat(0);
  let left2 = f32x4.splat(0);
  let right2 = f32x4.splat(0);
  if (accumulate) {
    let from = c;
    left0 = v128.load(from);
    right0 = v128.load(from, 16);
    from += cStride;
    left1 = v128.load(from);
    right1 = v128.load(from, 16);
    from += cStride;
    left2 = v128.load(from);
    right2 = v128.load(from, 16);
  }
  const end = a0 + (k << 2);
  while (a0 !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a0);
    left0 = Float4.madd(x0, b0, left0);
    right0 = Float4.madd(x0, b1, right0);
    const x1 = v128.load32_splat(a1);
    left1 = Float4.madd(x1, b0, left1);
    right1 = Float4.madd(x1, b1, right1);
    const x2 = v128.load32_splat(a2);
    left2 = Float4.madd(x2, b0, left2);
    right2 = Float4.madd(x2, b1, right2);
    a0 += 4;
    a1 += 4;
    a2 += 4;
    panel += 32;
  }
  if (bias) {
    const b0 = v128.load(bias);
    const b1 = v128.load(bias, 16);
    left0 = f32x4.add(left0, b0);
    right0 = f32x4.add(right0, b1);
    left1 = f32x4.add(left1, b0);
    right1 = f32x4.add(right1, b1);
    left2 = f32x4.add(left2, b0);
    right2 = f32x4.add(right2, b1);
  }
  if (residual) {
    left0 = f32x4.add(left0, v128.load(residual));
    right0 = f32x4.add(right0, v128.load(residual, 16));
    residual += cStride;
    left1 = f32x4.add(left1, v128.load(residual));
    right1 = f32x4.add(right1, v128.load(residual, 16));
    residual += cStride;
    left2 = f32x4.add(left2, v128.load(residual));
    right2 = f32x4.add(right2, v128.load(residual, 16));
  }
  v128.store(c, left0);
  v128.store(c, right0, 16);
  c += cStride;
  v128.store(c, left1);
  v128.store(c, right1, 16);
  c += cStride;
  v128.store(c, left2);
  v128.store(c, right2, 16);
}

export function rows4(
  a: usize,
  aStride: usize,
  panel: usize,
  k: usize,
  c: usize,
  cStride: usize,
  bias: usize,
  residual: usize,
  accumulate: bool,
): void {
  let a0 = a;
  let a1 = a0 + aStride;
  let a2 = a1 + aStride;
  let a3 = a2 + aStride;
  let left0 = f32x4.splat(0);
  let right0 = f32x4.splat(0);
  let left1 = f32x4.splat(0);
  let right1 = f32x4.splat(0);
  let left2 = f32x4.splat(0);
  let right2 = f32x4.splat(0);
  let left3 = f32x4.splat(0);
  let right3 = f32x4.splat(0);
  if (accumulate) {
    let from = c;
    left0 = v128.load(from);
    right0 = v128.load(from, 16);
    from += cStride;
    left1 = v128.load(from);
    right1 = v128.load(from, 16);
    from += cStride;
    left2 = v128.load(from);
    right2 = v128.load(from, 16);
    from += cStride;
    left3 = v128.load(from);
    right3 = v128.load(from, 16);
  }
  const end = a0 + (k << 2);
  while (a0 !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a0);
    left0 = Float4.madd(x0, b0, left0);
    right0 = Float4.madd(x0, b1, right0);
    const x1 = v128.load32_splat(a1);
    left1 = Float4.madd(x1, b0, left1);
    right1 = Float4.madd(x1, b1, right1);
    const x2 = v128.load32_splat(a2);
    left2 = Float4.madd(x2, b0, left2);
    right2 = Float4.madd(x2, b1, right2);
    const x3 = v128.load32_splat(a3);
    left3 = Float4.madd(x3, b0, left3);
    right3 = Float4.madd(x3, b1, right3);
    a0 += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    panel += 32;
  }
  if (bias) {
    const b0 = v128.load(bias);
    const b1 = v128.load(bias, 16);
    left0 = f32x4.add(left0, b0);
    right0 = f32x4.add(right0, b1);
    left1 = f32x4.add(left1, b0);
    right1 = f32x4.add(right1, b1);
    left2 = f32x4.add(left2, b0);
    right2 = f32x4.add(right2, b1);
    left3 = f32x4.add(left3, b0);
    right3 = f32x4.add(right3, b1);
  }
  if (residual) {
    left0 = f32x4.add(left0, v128.load(residual));
    right0 = f32x4.add(right0, v128.load(residual, 16));
    residual += cStride;
    left1 = f32x4.add(left1, v128.load(residual));
    right1 = f32x4.add(right1, v128.load(residual, 16));
    residual += cStride;
    left2 = f32x4.add(left2, v128.load(residual));
    right2 = f32x4.add(right2, v128.load(residual, 16));
    residual += cStride;
    left3 = f32x4.add(left3, v128.load(residual));
    right3 = f32x4.add(right3, v128.load(residual, 16));
  }
  v128.store(c, left0);
  v128.store(c, right0, 16);
  c += cStride;
  v128.store(c, left1);
  v128.store(c, right1, 16);
  c += cStride;
  v128.store(c, left2);
  v128.store(c, right2, 16);
  c += cStride;
  v128.store(c, left3);
  v128.store(c, right3, 16);
}

export function rows5(
  a: usize,
  aStride: usize,
  panel: usize,
  k: usize,
  c: usize,
  cStride: usize,
  bias: usize,
  residual: usize,
  accumulate: bool,
): void {
  let a0 = a;
  let a1 = a0 + aStride;
  let a2 = a1 + aStride;
  let a3 = a2 + aStride;
  let a4 = a3 + aStride;
  let left0 = f32x4.splat(0);
  let right0 = f32x4.splat(0);
  let left1 = f32x4.splat(0);
  let right1 = f32x4.splat(0);
  let left2 = f32x4.splat(0);
  let right2 = f32x4.splat(0);
  let left3 = f32x4.splat(0);
  let right3 = f32x4.splat(0);
  let left4 = f32x4.splat(0);
  let right4 = f32x4.splat(0);
  if (accumulate) {
    let from = c;
    left0 = v128.load(from);
    right0 = v128.load(from, 16);
    from += cStride;
    left1 = v128.load(from);
    right1 = v128.load(from, 16);
    from += cStride;
    left2 = v128.load(from);
    right2 = v128.load(from, 16);
    from += cStride;
    left3 = v128.load(from);
    right3 = v128.load(from, 16);
    from += cStride;
    left4 = v128.load(from);
    right4 = v128.load(from, 16);
  }
  const end = a0 + (k << 2);
  while (a0 !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a0);
    left0 = Float4.madd(x0, b0, left0);
    right0 = Float4.madd(x0, b1, right0);
    const x1 = v128.load32_splat(a1);
    left1 = Float4.madd(x1, b0, left1);
    right1 = Float4.madd(x1, b1, right1);
    const x2 = v128.load32_splat(a2);
    left2 = Float4.madd(x2, b0, left2);
    right2 = Float4.madd(x2, b1, right2);
    const x3 = v128.load32_splat(a3);
    left3 = Float4.madd(x3, b0, left3);
    right3 = Float4.madd(x3, b1, right3);
    const x4 = v128.load32_splat(a4);
    left4 = Float4.madd(x4, b0, left4);
    right4 = Float4.madd(x4, b1, right4);
    a0 += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    a4 += 4;
    panel += 32;
  }
  if (bias) {
    const b0 = v128.load(bias);
    const b1 = v128.load(bias, 16);
    left0 = f32x4.add(left0, b0);
    right0 = f32x4.add(right0, b1);
    left1 = f32x4.add(left1, b0);
    right1 = f32x4.add(right1, b1);
    left2 = f32x4.add(left2, b0);
    right2 = f32x4.add(right2, b1);
    left3 = f32x4.add(left3, b0);
    right3 = f32x4.add(right3, b1);
    left4 = f32x4.add(left4, b0);
    right4 = f32x4.add(right4, b1);
  }
  if (residual) {
    left0 = f32x4.add(left0, v128.load(residual));
    right0 = f32x4.add(right0, v128.load(residual, 16));
    residual += cStride;
    left1 = f32x4.add(left1, v128.load(residual));
    right1 = f32x4.add(right1, v128.load(residual, 16));
    residual += cStride;
    left2 = f32x4.add(left2, v128.load(residual));
    right2 = f32x4.add(right2, v128.load(residual, 16));
    residual += cStride;
    left3 = f32x4.add(left3, v128.load(residual));
    right3 = f32x4.add(right3, v128.load(residual, 16));
    residual += cStride;
    left4 = f32x4.add(left4, v128.load(residual));
    right4 = f32x4.add(right4, v128.load(residual, 16));
  }
  v128.store(c, left0);
  v128.store(c, right0, 16);
  c += cStride;
  v128.store(c, left1);
  v128.store(c, right1, 16);
  c += cStride;
  v128.store(c, left2);
  v128.store(c, right2, 16);
  c += cStride;
  v128.store(c, left3);
  v128.store(c, right3, 16);
  c += cStride;
  v128.store(c, left4);
  v128.store(c, right4, 16);
}

export function rows6(
  a: usize,
  aStride: usize,
  panel: usize,
  k: usize,
  c: usize,
  cStride: usize,
  bias: usize,
  residual: usize,
  accumulate: bool,
): void {
  let a0 = a;
  let a1 = a0 + aStride;
  let a2 = a1 + aStride;
  let a3 = a2 + aStride;
  let a4 = a3 + aStride;
  let a5 = a4 + aStride;
  let left0 = f32x4.splat(0);
  let right0 = f32x4.splat(0);
  let left1 = f32x4.splat(0);
  let right1 = f32x4.splat(0);
  let left2 = f32x4.splat(0);
  let right2 = f32x4.splat(0);
  let left3 = f32x4.splat(0);
  let right3 = f32x4.splat(0);
  let left4 = f32x4.splat(0);
  let right4 = f32x4.splat(0);
  let left5 = f32x4.splat(0);
  let right5 = f32x4.splat(0);
  if (accumulate) {
    let from = c;
    left0 = v128.load(from);
    right0 = v128.load(from, 16);
    from += cStride;
    left1 = v128.load(from);
    right1 = v128.load(from, 16);
    from += cStride;
    left2 = v128.load(from);
    right2 = v128.load(from, 16);
    from += cStride;
    left3 = v128.load(from);
    right3 = v128.load(from, 16);
    from += cStride;
    left4 = v128.load(from);
    right4 = v128.load(from, 16);
    from += cStride;
    left5 = v128.load(from);
    right5 = v128.load(from, 16);
  }
  const end = a0 + (k << 2);
  while (a0 !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a0);
    left0 = Float4.madd(x0, b0, left0);
    right0 = Float4.madd(x0, b1, right0);
    const x1 = v128.load32_splat(a1);
    left1 = Float4.madd(x1, b0, left1);
    right1 = Float4.madd(x1, b1, right1);
    const x2 = v128.load32_splat(a2);
    left2 = Float4.madd(x2, b0, left2);
    right2 = Float4.madd(x2, b1, right2);
    const x3 = v128.load32_splat(a3);
    left3 = Float4.madd(x3, b0, left3);
    right3 = Float4.madd(x3, b1, right3);
    const x4 = v128.load32_splat(a4);
    left4 = Float4.madd(x4, b0, left4);
    right4 = Float4.madd(x4, b1, right4);
    const x5 = v128.load32_splat(a5);
    left5 = Float4.madd(x5, b0, left5);
    right5 = Float4.madd(x5, b1, right5);
    a0 += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    a4 += 4;
    a5 += 4;
    panel += 32;
  }
  if (bias) {
    const b0 = v128.load(bias);
    const b1 = v128.load(bias, 16);
    left0 = f32x4.add(left0, b0);
    right0 = f32x4.add(right0, b1);
    left1 = f32x4.add(left1, b0);
    right1 = f32x4.add(right1, b1);
    left2 = f32x4.add(left2, b0);
    right2 = f32x4.add(right2, b1);
    left3 = f32x4.add(left3, b0);
    right3 = f32x4.add(right3, b1);
    left4 = f32x4.add(left4, b0);
    right4 = f32x4.add(right4, b1);
    left5 = f32x4.add(left5, b0);
    right5 = f32x4.add(right5, b1);
  }
  if (residual) {
    left0 = f32x4.add(left0, v128.load(residual));
    right0 = f32x4.add(right0, v128.load(residual, 16));
    residual += cStride;
    left1 = f32x4.add(left1, v128.load(residual));
    right1 = f32x4.add(right1, v128.load(residual, 16));
    residual += cStride;
    left2 = f32x4.add(left2, v128.load(residual));
    right2 = f32x4.add(right2, v128.load(residual, 16));
    residual += cStride;
    left3 = f32x4.add(left3, v128.load(residual));
    right3 = f32x4.add(right3, v128.load(residual, 16));
    residual += cStride;
    left4 = f32x4.add(left4, v128.load(residual));
    right4 = f32x4.add(right4, v128.load(residual, 16));
    residual += cStride;
    left5 = f32x4.add(left5, v128.load(residual));
    right5 = f32x4.add(right5, v128.load(residual, 16));
  }
  v128.store(c, left0);
  v128.store(c, right0, 16);
  c += cStride;
  v128.store(c, left1);
  v128.store(c, right1, 16);
  c += cStride;
  v128.store(c, left2);
  v128.store(c, right2, 16);
  c += cStride;
  v128.store(c, left3);
  v128.store(c, right3, 16);
  c += cStride;
  v128.store(c, left4);
  v128.store(c, right4, 16);
  c += cStride;
  v128.store(c, left5);
  v128.store(c, right5, 16);
}
