// Made by generate-micro-kernel.mjs: do not edit. Register blocks of the matrix product, 1 to 6 rows × 8 or 16 columns.
//
// c [rows, n] = from [rows, n] + a [rows, k] · panel [k, n]; strides in bytes, that of from may be 0.
// Each value of c has one accumulator that goes through k upwards, so every block gives the same bits.
// 2·n·rows flops a step of k for 4·n bytes of panel and 4·rows bytes of a. In sixteen registers of 128 bits, 4 × 8 hold
// 8 sums, 2 vectors of b and the products; 6 × 8 fit where multiply and add are one instruction (relaxed SIMD). 6 × 16
// fit where the engine joins neighboring vectors to 256 bits: 12 sums, 2 vectors of b and one of a.
//
// There is nothing but the loop: with a branch in front of it, 6 × 16 lose a third of their speed (V8 13), and with a bias
// added behind it, 6 × 8 do (V8 11 and 12), for the registers are shared out over the whole function.

import { Float4 } from "./simd";

export function rows1x8(
  a: usize,
  aStride: usize,
  panel: usize,
  k: usize,
  c: usize,
  cStride: usize,
  from: usize,
  fromStride: usize,
): void {
  let a0 = a;
  let s00 = v128.load(from);
  let s01 = v128.load(from, 16);
  const end = a0 + (k << 2);
  while (a0 !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a0);
    s00 = Float4.madd(x0, b0, s00);
    s01 = Float4.madd(x0, b1, s01);
    a0 += 4;
    panel += 32;
  }
  v128.store(c, s00);
  v128.store(c, s01, 16);
}

export function rows2x8(
  a: usize,
  aStride: usize,
  panel: usize,
  k: usize,
  c: usize,
  cStride: usize,
  from: usize,
  fromStride: usize,
): void {
  let a0 = a;
  let a1 = a0 + aStride;
  let s00 = v128.load(from);
  let s01 = v128.load(from, 16);
  from += fromStride;
  let s10 = v128.load(from);
  let s11 = v128.load(from, 16);
  const end = a0 + (k << 2);
  while (a0 !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a0);
    s00 = Float4.madd(x0, b0, s00);
    s01 = Float4.madd(x0, b1, s01);
    const x1 = v128.load32_splat(a1);
    s10 = Float4.madd(x1, b0, s10);
    s11 = Float4.madd(x1, b1, s11);
    a0 += 4;
    a1 += 4;
    panel += 32;
  }
  v128.store(c, s00);
  v128.store(c, s01, 16);
  c += cStride;
  v128.store(c, s10);
  v128.store(c, s11, 16);
}

export function rows3x8(
  a: usize,
  aStride: usize,
  panel: usize,
  k: usize,
  c: usize,
  cStride: usize,
  from: usize,
  fromStride: usize,
): void {
  let a0 = a;
  let a1 = a0 + aStride;
  let a2 = a1 + aStride;
  let s00 = v128.load(from);
  let s01 = v128.load(from, 16);
  from += fromStride;
  let s10 = v128.load(from);
  let s11 = v128.load(from, 16);
  from += fromStride;
  let s20 = v128.load(from);
  let s21 = v128.load(from, 16);
  const end = a0 + (k << 2);
  while (a0 !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a0);
    s00 = Float4.madd(x0, b0, s00);
    s01 = Float4.madd(x0, b1, s01);
    const x1 = v128.load32_splat(a1);
    s10 = Float4.madd(x1, b0, s10);
    s11 = Float4.madd(x1, b1, s11);
    const x2 = v128.load32_splat(a2);
    s20 = Float4.madd(x2, b0, s20);
    s21 = Float4.madd(x2, b1, s21);
    a0 += 4;
    a1 += 4;
    a2 += 4;
    panel += 32;
  }
  v128.store(c, s00);
  v128.store(c, s01, 16);
  c += cStride;
  v128.store(c, s10);
  v128.store(c, s11, 16);
  c += cStride;
  v128.store(c, s20);
  v128.store(c, s21, 16);
}

export function rows4x8(
  a: usize,
  aStride: usize,
  panel: usize,
  k: usize,
  c: usize,
  cStride: usize,
  from: usize,
  fromStride: usize,
): void {
  let a0 = a;
  let a1 = a0 + aStride;
  let a2 = a1 + aStride;
  let a3 = a2 + aStride;
  let s00 = v128.load(from);
  let s01 = v128.load(from, 16);
  from += fromStride;
  let s10 = v128.load(from);
  let s11 = v128.load(from, 16);
  from += fromStride;
  let s20 = v128.load(from);
  let s21 = v128.load(from, 16);
  from += fromStride;
  let s30 = v128.load(from);
  let s31 = v128.load(from, 16);
  const end = a0 + (k << 2);
  while (a0 !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a0);
    s00 = Float4.madd(x0, b0, s00);
    s01 = Float4.madd(x0, b1, s01);
    const x1 = v128.load32_splat(a1);
    s10 = Float4.madd(x1, b0, s10);
    s11 = Float4.madd(x1, b1, s11);
    const x2 = v128.load32_splat(a2);
    s20 = Float4.madd(x2, b0, s20);
    s21 = Float4.madd(x2, b1, s21);
    const x3 = v128.load32_splat(a3);
    s30 = Float4.madd(x3, b0, s30);
    s31 = Float4.madd(x3, b1, s31);
    a0 += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    panel += 32;
  }
  v128.store(c, s00);
  v128.store(c, s01, 16);
  c += cStride;
  v128.store(c, s10);
  v128.store(c, s11, 16);
  c += cStride;
  v128.store(c, s20);
  v128.store(c, s21, 16);
  c += cStride;
  v128.store(c, s30);
  v128.store(c, s31, 16);
}

export function rows5x8(
  a: usize,
  aStride: usize,
  panel: usize,
  k: usize,
  c: usize,
  cStride: usize,
  from: usize,
  fromStride: usize,
): void {
  let a0 = a;
  let a1 = a0 + aStride;
  let a2 = a1 + aStride;
  let a3 = a2 + aStride;
  let a4 = a3 + aStride;
  let s00 = v128.load(from);
  let s01 = v128.load(from, 16);
  from += fromStride;
  let s10 = v128.load(from);
  let s11 = v128.load(from, 16);
  from += fromStride;
  let s20 = v128.load(from);
  let s21 = v128.load(from, 16);
  from += fromStride;
  let s30 = v128.load(from);
  let s31 = v128.load(from, 16);
  from += fromStride;
  let s40 = v128.load(from);
  let s41 = v128.load(from, 16);
  const end = a0 + (k << 2);
  while (a0 !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a0);
    s00 = Float4.madd(x0, b0, s00);
    s01 = Float4.madd(x0, b1, s01);
    const x1 = v128.load32_splat(a1);
    s10 = Float4.madd(x1, b0, s10);
    s11 = Float4.madd(x1, b1, s11);
    const x2 = v128.load32_splat(a2);
    s20 = Float4.madd(x2, b0, s20);
    s21 = Float4.madd(x2, b1, s21);
    const x3 = v128.load32_splat(a3);
    s30 = Float4.madd(x3, b0, s30);
    s31 = Float4.madd(x3, b1, s31);
    const x4 = v128.load32_splat(a4);
    s40 = Float4.madd(x4, b0, s40);
    s41 = Float4.madd(x4, b1, s41);
    a0 += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    a4 += 4;
    panel += 32;
  }
  v128.store(c, s00);
  v128.store(c, s01, 16);
  c += cStride;
  v128.store(c, s10);
  v128.store(c, s11, 16);
  c += cStride;
  v128.store(c, s20);
  v128.store(c, s21, 16);
  c += cStride;
  v128.store(c, s30);
  v128.store(c, s31, 16);
  c += cStride;
  v128.store(c, s40);
  v128.store(c, s41, 16);
}

export function rows6x8(
  a: usize,
  aStride: usize,
  panel: usize,
  k: usize,
  c: usize,
  cStride: usize,
  from: usize,
  fromStride: usize,
): void {
  let a0 = a;
  let a1 = a0 + aStride;
  let a2 = a1 + aStride;
  let a3 = a2 + aStride;
  let a4 = a3 + aStride;
  let a5 = a4 + aStride;
  let s00 = v128.load(from);
  let s01 = v128.load(from, 16);
  from += fromStride;
  let s10 = v128.load(from);
  let s11 = v128.load(from, 16);
  from += fromStride;
  let s20 = v128.load(from);
  let s21 = v128.load(from, 16);
  from += fromStride;
  let s30 = v128.load(from);
  let s31 = v128.load(from, 16);
  from += fromStride;
  let s40 = v128.load(from);
  let s41 = v128.load(from, 16);
  from += fromStride;
  let s50 = v128.load(from);
  let s51 = v128.load(from, 16);
  const end = a0 + (k << 2);
  while (a0 !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a0);
    s00 = Float4.madd(x0, b0, s00);
    s01 = Float4.madd(x0, b1, s01);
    const x1 = v128.load32_splat(a1);
    s10 = Float4.madd(x1, b0, s10);
    s11 = Float4.madd(x1, b1, s11);
    const x2 = v128.load32_splat(a2);
    s20 = Float4.madd(x2, b0, s20);
    s21 = Float4.madd(x2, b1, s21);
    const x3 = v128.load32_splat(a3);
    s30 = Float4.madd(x3, b0, s30);
    s31 = Float4.madd(x3, b1, s31);
    const x4 = v128.load32_splat(a4);
    s40 = Float4.madd(x4, b0, s40);
    s41 = Float4.madd(x4, b1, s41);
    const x5 = v128.load32_splat(a5);
    s50 = Float4.madd(x5, b0, s50);
    s51 = Float4.madd(x5, b1, s51);
    a0 += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    a4 += 4;
    a5 += 4;
    panel += 32;
  }
  v128.store(c, s00);
  v128.store(c, s01, 16);
  c += cStride;
  v128.store(c, s10);
  v128.store(c, s11, 16);
  c += cStride;
  v128.store(c, s20);
  v128.store(c, s21, 16);
  c += cStride;
  v128.store(c, s30);
  v128.store(c, s31, 16);
  c += cStride;
  v128.store(c, s40);
  v128.store(c, s41, 16);
  c += cStride;
  v128.store(c, s50);
  v128.store(c, s51, 16);
}

export function rows1x16(
  a: usize,
  aStride: usize,
  panel: usize,
  k: usize,
  c: usize,
  cStride: usize,
  from: usize,
  fromStride: usize,
): void {
  let a0 = a;
  let s00 = v128.load(from);
  let s01 = v128.load(from, 16);
  let s02 = v128.load(from, 32);
  let s03 = v128.load(from, 48);
  const end = a0 + (k << 2);
  while (a0 !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const b2 = v128.load(panel, 32);
    const b3 = v128.load(panel, 48);
    const x0 = v128.load32_splat(a0);
    s00 = Float4.madd(x0, b0, s00);
    s01 = Float4.madd(x0, b1, s01);
    s02 = Float4.madd(x0, b2, s02);
    s03 = Float4.madd(x0, b3, s03);
    a0 += 4;
    panel += 64;
  }
  v128.store(c, s00);
  v128.store(c, s01, 16);
  v128.store(c, s02, 32);
  v128.store(c, s03, 48);
}

export function rows2x16(
  a: usize,
  aStride: usize,
  panel: usize,
  k: usize,
  c: usize,
  cStride: usize,
  from: usize,
  fromStride: usize,
): void {
  let a0 = a;
  let a1 = a0 + aStride;
  let s00 = v128.load(from);
  let s01 = v128.load(from, 16);
  let s02 = v128.load(from, 32);
  let s03 = v128.load(from, 48);
  from += fromStride;
  let s10 = v128.load(from);
  let s11 = v128.load(from, 16);
  let s12 = v128.load(from, 32);
  let s13 = v128.load(from, 48);
  const end = a0 + (k << 2);
  while (a0 !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const b2 = v128.load(panel, 32);
    const b3 = v128.load(panel, 48);
    const x0 = v128.load32_splat(a0);
    s00 = Float4.madd(x0, b0, s00);
    s01 = Float4.madd(x0, b1, s01);
    s02 = Float4.madd(x0, b2, s02);
    s03 = Float4.madd(x0, b3, s03);
    const x1 = v128.load32_splat(a1);
    s10 = Float4.madd(x1, b0, s10);
    s11 = Float4.madd(x1, b1, s11);
    s12 = Float4.madd(x1, b2, s12);
    s13 = Float4.madd(x1, b3, s13);
    a0 += 4;
    a1 += 4;
    panel += 64;
  }
  v128.store(c, s00);
  v128.store(c, s01, 16);
  v128.store(c, s02, 32);
  v128.store(c, s03, 48);
  c += cStride;
  v128.store(c, s10);
  v128.store(c, s11, 16);
  v128.store(c, s12, 32);
  v128.store(c, s13, 48);
}

export function rows3x16(
  a: usize,
  aStride: usize,
  panel: usize,
  k: usize,
  c: usize,
  cStride: usize,
  from: usize,
  fromStride: usize,
): void {
  let a0 = a;
  let a1 = a0 + aStride;
  let a2 = a1 + aStride;
  let s00 = v128.load(from);
  let s01 = v128.load(from, 16);
  let s02 = v128.load(from, 32);
  let s03 = v128.load(from, 48);
  from += fromStride;
  let s10 = v128.load(from);
  let s11 = v128.load(from, 16);
  let s12 = v128.load(from, 32);
  let s13 = v128.load(from, 48);
  from += fromStride;
  let s20 = v128.load(from);
  let s21 = v128.load(from, 16);
  let s22 = v128.load(from, 32);
  let s23 = v128.load(from, 48);
  const end = a0 + (k << 2);
  while (a0 !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const b2 = v128.load(panel, 32);
    const b3 = v128.load(panel, 48);
    const x0 = v128.load32_splat(a0);
    s00 = Float4.madd(x0, b0, s00);
    s01 = Float4.madd(x0, b1, s01);
    s02 = Float4.madd(x0, b2, s02);
    s03 = Float4.madd(x0, b3, s03);
    const x1 = v128.load32_splat(a1);
    s10 = Float4.madd(x1, b0, s10);
    s11 = Float4.madd(x1, b1, s11);
    s12 = Float4.madd(x1, b2, s12);
    s13 = Float4.madd(x1, b3, s13);
    const x2 = v128.load32_splat(a2);
    s20 = Float4.madd(x2, b0, s20);
    s21 = Float4.madd(x2, b1, s21);
    s22 = Float4.madd(x2, b2, s22);
    s23 = Float4.madd(x2, b3, s23);
    a0 += 4;
    a1 += 4;
    a2 += 4;
    panel += 64;
  }
  v128.store(c, s00);
  v128.store(c, s01, 16);
  v128.store(c, s02, 32);
  v128.store(c, s03, 48);
  c += cStride;
  v128.store(c, s10);
  v128.store(c, s11, 16);
  v128.store(c, s12, 32);
  v128.store(c, s13, 48);
  c += cStride;
  v128.store(c, s20);
  v128.store(c, s21, 16);
  v128.store(c, s22, 32);
  v128.store(c, s23, 48);
}

export function rows4x16(
  a: usize,
  aStride: usize,
  panel: usize,
  k: usize,
  c: usize,
  cStride: usize,
  from: usize,
  fromStride: usize,
): void {
  let a0 = a;
  let a1 = a0 + aStride;
  let a2 = a1 + aStride;
  let a3 = a2 + aStride;
  let s00 = v128.load(from);
  let s01 = v128.load(from, 16);
  let s02 = v128.load(from, 32);
  let s03 = v128.load(from, 48);
  from += fromStride;
  let s10 = v128.load(from);
  let s11 = v128.load(from, 16);
  let s12 = v128.load(from, 32);
  let s13 = v128.load(from, 48);
  from += fromStride;
  let s20 = v128.load(from);
  let s21 = v128.load(from, 16);
  let s22 = v128.load(from, 32);
  let s23 = v128.load(from, 48);
  from += fromStride;
  let s30 = v128.load(from);
  let s31 = v128.load(from, 16);
  let s32 = v128.load(from, 32);
  let s33 = v128.load(from, 48);
  const end = a0 + (k << 2);
  while (a0 !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const b2 = v128.load(panel, 32);
    const b3 = v128.load(panel, 48);
    const x0 = v128.load32_splat(a0);
    s00 = Float4.madd(x0, b0, s00);
    s01 = Float4.madd(x0, b1, s01);
    s02 = Float4.madd(x0, b2, s02);
    s03 = Float4.madd(x0, b3, s03);
    const x1 = v128.load32_splat(a1);
    s10 = Float4.madd(x1, b0, s10);
    s11 = Float4.madd(x1, b1, s11);
    s12 = Float4.madd(x1, b2, s12);
    s13 = Float4.madd(x1, b3, s13);
    const x2 = v128.load32_splat(a2);
    s20 = Float4.madd(x2, b0, s20);
    s21 = Float4.madd(x2, b1, s21);
    s22 = Float4.madd(x2, b2, s22);
    s23 = Float4.madd(x2, b3, s23);
    const x3 = v128.load32_splat(a3);
    s30 = Float4.madd(x3, b0, s30);
    s31 = Float4.madd(x3, b1, s31);
    s32 = Float4.madd(x3, b2, s32);
    s33 = Float4.madd(x3, b3, s33);
    a0 += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    panel += 64;
  }
  v128.store(c, s00);
  v128.store(c, s01, 16);
  v128.store(c, s02, 32);
  v128.store(c, s03, 48);
  c += cStride;
  v128.store(c, s10);
  v128.store(c, s11, 16);
  v128.store(c, s12, 32);
  v128.store(c, s13, 48);
  c += cStride;
  v128.store(c, s20);
  v128.store(c, s21, 16);
  v128.store(c, s22, 32);
  v128.store(c, s23, 48);
  c += cStride;
  v128.store(c, s30);
  v128.store(c, s31, 16);
  v128.store(c, s32, 32);
  v128.store(c, s33, 48);
}

export function rows5x16(
  a: usize,
  aStride: usize,
  panel: usize,
  k: usize,
  c: usize,
  cStride: usize,
  from: usize,
  fromStride: usize,
): void {
  let a0 = a;
  let a1 = a0 + aStride;
  let a2 = a1 + aStride;
  let a3 = a2 + aStride;
  let a4 = a3 + aStride;
  let s00 = v128.load(from);
  let s01 = v128.load(from, 16);
  let s02 = v128.load(from, 32);
  let s03 = v128.load(from, 48);
  from += fromStride;
  let s10 = v128.load(from);
  let s11 = v128.load(from, 16);
  let s12 = v128.load(from, 32);
  let s13 = v128.load(from, 48);
  from += fromStride;
  let s20 = v128.load(from);
  let s21 = v128.load(from, 16);
  let s22 = v128.load(from, 32);
  let s23 = v128.load(from, 48);
  from += fromStride;
  let s30 = v128.load(from);
  let s31 = v128.load(from, 16);
  let s32 = v128.load(from, 32);
  let s33 = v128.load(from, 48);
  from += fromStride;
  let s40 = v128.load(from);
  let s41 = v128.load(from, 16);
  let s42 = v128.load(from, 32);
  let s43 = v128.load(from, 48);
  const end = a0 + (k << 2);
  while (a0 !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const b2 = v128.load(panel, 32);
    const b3 = v128.load(panel, 48);
    const x0 = v128.load32_splat(a0);
    s00 = Float4.madd(x0, b0, s00);
    s01 = Float4.madd(x0, b1, s01);
    s02 = Float4.madd(x0, b2, s02);
    s03 = Float4.madd(x0, b3, s03);
    const x1 = v128.load32_splat(a1);
    s10 = Float4.madd(x1, b0, s10);
    s11 = Float4.madd(x1, b1, s11);
    s12 = Float4.madd(x1, b2, s12);
    s13 = Float4.madd(x1, b3, s13);
    const x2 = v128.load32_splat(a2);
    s20 = Float4.madd(x2, b0, s20);
    s21 = Float4.madd(x2, b1, s21);
    s22 = Float4.madd(x2, b2, s22);
    s23 = Float4.madd(x2, b3, s23);
    const x3 = v128.load32_splat(a3);
    s30 = Float4.madd(x3, b0, s30);
    s31 = Float4.madd(x3, b1, s31);
    s32 = Float4.madd(x3, b2, s32);
    s33 = Float4.madd(x3, b3, s33);
    const x4 = v128.load32_splat(a4);
    s40 = Float4.madd(x4, b0, s40);
    s41 = Float4.madd(x4, b1, s41);
    s42 = Float4.madd(x4, b2, s42);
    s43 = Float4.madd(x4, b3, s43);
    a0 += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    a4 += 4;
    panel += 64;
  }
  v128.store(c, s00);
  v128.store(c, s01, 16);
  v128.store(c, s02, 32);
  v128.store(c, s03, 48);
  c += cStride;
  v128.store(c, s10);
  v128.store(c, s11, 16);
  v128.store(c, s12, 32);
  v128.store(c, s13, 48);
  c += cStride;
  v128.store(c, s20);
  v128.store(c, s21, 16);
  v128.store(c, s22, 32);
  v128.store(c, s23, 48);
  c += cStride;
  v128.store(c, s30);
  v128.store(c, s31, 16);
  v128.store(c, s32, 32);
  v128.store(c, s33, 48);
  c += cStride;
  v128.store(c, s40);
  v128.store(c, s41, 16);
  v128.store(c, s42, 32);
  v128.store(c, s43, 48);
}

export function rows6x16(
  a: usize,
  aStride: usize,
  panel: usize,
  k: usize,
  c: usize,
  cStride: usize,
  from: usize,
  fromStride: usize,
): void {
  let a0 = a;
  let a1 = a0 + aStride;
  let a2 = a1 + aStride;
  let a3 = a2 + aStride;
  let a4 = a3 + aStride;
  let a5 = a4 + aStride;
  let s00 = v128.load(from);
  let s01 = v128.load(from, 16);
  let s02 = v128.load(from, 32);
  let s03 = v128.load(from, 48);
  from += fromStride;
  let s10 = v128.load(from);
  let s11 = v128.load(from, 16);
  let s12 = v128.load(from, 32);
  let s13 = v128.load(from, 48);
  from += fromStride;
  let s20 = v128.load(from);
  let s21 = v128.load(from, 16);
  let s22 = v128.load(from, 32);
  let s23 = v128.load(from, 48);
  from += fromStride;
  let s30 = v128.load(from);
  let s31 = v128.load(from, 16);
  let s32 = v128.load(from, 32);
  let s33 = v128.load(from, 48);
  from += fromStride;
  let s40 = v128.load(from);
  let s41 = v128.load(from, 16);
  let s42 = v128.load(from, 32);
  let s43 = v128.load(from, 48);
  from += fromStride;
  let s50 = v128.load(from);
  let s51 = v128.load(from, 16);
  let s52 = v128.load(from, 32);
  let s53 = v128.load(from, 48);
  const end = a0 + (k << 2);
  while (a0 !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const b2 = v128.load(panel, 32);
    const b3 = v128.load(panel, 48);
    const x0 = v128.load32_splat(a0);
    s00 = Float4.madd(x0, b0, s00);
    s01 = Float4.madd(x0, b1, s01);
    s02 = Float4.madd(x0, b2, s02);
    s03 = Float4.madd(x0, b3, s03);
    const x1 = v128.load32_splat(a1);
    s10 = Float4.madd(x1, b0, s10);
    s11 = Float4.madd(x1, b1, s11);
    s12 = Float4.madd(x1, b2, s12);
    s13 = Float4.madd(x1, b3, s13);
    const x2 = v128.load32_splat(a2);
    s20 = Float4.madd(x2, b0, s20);
    s21 = Float4.madd(x2, b1, s21);
    s22 = Float4.madd(x2, b2, s22);
    s23 = Float4.madd(x2, b3, s23);
    const x3 = v128.load32_splat(a3);
    s30 = Float4.madd(x3, b0, s30);
    s31 = Float4.madd(x3, b1, s31);
    s32 = Float4.madd(x3, b2, s32);
    s33 = Float4.madd(x3, b3, s33);
    const x4 = v128.load32_splat(a4);
    s40 = Float4.madd(x4, b0, s40);
    s41 = Float4.madd(x4, b1, s41);
    s42 = Float4.madd(x4, b2, s42);
    s43 = Float4.madd(x4, b3, s43);
    const x5 = v128.load32_splat(a5);
    s50 = Float4.madd(x5, b0, s50);
    s51 = Float4.madd(x5, b1, s51);
    s52 = Float4.madd(x5, b2, s52);
    s53 = Float4.madd(x5, b3, s53);
    a0 += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    a4 += 4;
    a5 += 4;
    panel += 64;
  }
  v128.store(c, s00);
  v128.store(c, s01, 16);
  v128.store(c, s02, 32);
  v128.store(c, s03, 48);
  c += cStride;
  v128.store(c, s10);
  v128.store(c, s11, 16);
  v128.store(c, s12, 32);
  v128.store(c, s13, 48);
  c += cStride;
  v128.store(c, s20);
  v128.store(c, s21, 16);
  v128.store(c, s22, 32);
  v128.store(c, s23, 48);
  c += cStride;
  v128.store(c, s30);
  v128.store(c, s31, 16);
  v128.store(c, s32, 32);
  v128.store(c, s33, 48);
  c += cStride;
  v128.store(c, s40);
  v128.store(c, s41, 16);
  v128.store(c, s42, 32);
  v128.store(c, s43, 48);
  c += cStride;
  v128.store(c, s50);
  v128.store(c, s51, 16);
  v128.store(c, s52, 32);
  v128.store(c, s53, 48);
}
