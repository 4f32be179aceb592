// Enhance: the two of Pillow's enhancements that read more than one value of a pixel, or its neighbors (Color and
// Sharpness; point-table.ts has the others). Every result is float32 arithmetic in Pillow's order. Scalar references:
// colorScalar, sharpnessScalar.
//
// How it is fast: the vector code does four values at a time with the same operations, hence the same bits, and divides
// by 13 with a multiplication.

import { blendByte, luma } from "./point-table";

/** from + factor · (to − from) of four i32 lanes, clipped and truncated to i32. */
function blendFour(from: v128, to: v128, factor: v128): v128 {
  const distance = f32x4.convert_i32x4_s(i32x4.sub(to, from));
  const value = f32x4.add(f32x4.convert_i32x4_s(from), f32x4.mul(factor, distance));
  const clipped = f32x4.min(f32x4.max(value, f32x4.splat(0)), f32x4.splat(255));
  return i32x4.trunc_sat_f32x4_s(clipped);
}

/** Blends u8 [count, 3] with its luma, in place. ImageEnhance.Color, one value at a time. */
export function colorScalar(pixels: usize, count: i32, factor: f32): void {
  for (let i = 0; i < count; i++) {
    const gray = luma(pixels);
    for (let channel: usize = 0; channel < 3; channel++)
      store<u8>(pixels + channel, <u8>blendByte(gray, <i32>load<u8>(pixels + channel), factor));
    pixels += 3;
  }
}

/** The same, with a pixel's three values in one vector. */
export function color(pixels: usize, count: i32, factor: f32): void {
  if (factor === 1.0) return;
  const factors = f32x4.splat(factor);
  for (let i = 0; i < count; i++) {
    const bytes = v128.load32_zero(pixels);
    const values = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes));
    const blended = blendFour(i32x4.splat(luma(pixels)), values, factors);
    const words = i16x8.narrow_i32x4_s(blended, blended);
    const result = i32x4.extract_lane(i8x16.narrow_i16x8_u(words, words), 0);
    store<u16>(pixels, <u16>result);
    store<u8>(pixels, <u8>(result >> 16), 2);
    pixels += 3;
  }
}

/**
 * Pillow's SMOOTH filter at byte `at`: 1 1 1, 1 5 1, 1 1 1 over 13, rounded. A sum over 13 is never within 1/26 of a
 * half, so integers give the same result as Pillow's floats.
 */
function smooth(at: usize, stride: usize): i32 {
  let sum = <i32>load<u8>(at) * 4;
  for (let row = at - stride; row <= at + stride; row += stride)
    sum += <i32>load<u8>(row - 3) + <i32>load<u8>(row) + <i32>load<u8>(row + 3);
  return (2 * sum + 13) / 26;
}

/**
 * `source` u8 [height, width, 3] blended with its smoothed version → `target`. ImageEnhance.Sharpness: the outermost
 * pixels are not smoothed. One value at a time.
 */
export function sharpnessScalar(source: usize, width: i32, height: i32, target: usize, factor: f32): void {
  const stride = <usize>width * 3;
  memory.copy(target, source, stride * <usize>height);
  for (let y = 1; y < height - 1; y++) {
    const row = <usize>y * stride;
    for (let at = row + 3; at < row + stride - 3; at++) {
      const degenerate = smooth(source + at, stride);
      store<u8>(target + at, <u8>blendByte(degenerate, <i32>load<u8>(source + at), factor));
    }
  }
}

/** Eight sums of three rows' bytes at `at`, u16. */
function columnSums(at: usize, stride: usize): v128 {
  const above = v128.load8x8_u(at - stride);
  const below = v128.load8x8_u(at + stride);
  return i16x8.add(i16x8.add(above, below), v128.load8x8_u(at));
}

/** The same, eight values at a time. */
export function sharpness(source: usize, width: i32, height: i32, target: usize, factor: f32): void {
  if (factor === 1.0) {
    memory.copy(target, source, <usize>(width * height * 3));
    return;
  }
  const stride = <usize>width * 3;
  const factors = f32x4.splat(factor);
  memory.copy(target, source, stride * <usize>height);
  for (let y = 1; y < height - 1; y++) {
    let at = source + <usize>y * stride + 3;
    let out = target + <usize>y * stride + 3;
    const end = source + <usize>y * stride + stride - 3;
    for (; at + 8 <= end; at += 8) {
      const center = v128.load8x8_u(at);
      let sum = i16x8.add(columnSums(at - 3, stride), columnSums(at + 3, stride));
      sum = i16x8.add(i16x8.add(sum, columnSums(at, stride)), i16x8.shl(center, 2));
      // (2·sum + 13) / 26 = (sum + 6) / 13 for whole sums; · 20165 / 2¹⁸ is that quotient for all up to 3,321.
      const shifted = i16x8.add(sum, i16x8.splat(6));
      const reciprocal = i32x4.splat(20165);
      const low = i32x4.shr_u(i32x4.mul(i32x4.extend_low_i16x8_u(shifted), reciprocal), 18);
      const high = i32x4.shr_u(i32x4.mul(i32x4.extend_high_i16x8_u(shifted), reciprocal), 18);
      const words = i16x8.narrow_i32x4_s(
        blendFour(low, i32x4.extend_low_i16x8_u(center), factors),
        blendFour(high, i32x4.extend_high_i16x8_u(center), factors),
      );
      v128.store64_lane(out, i8x16.narrow_i16x8_u(words, words), 0);
      out += 8;
    }
    for (; at < end; at++) {
      store<u8>(out++, <u8>blendByte(smooth(at, stride), <i32>load<u8>(at), factor));
    }
  }
}
