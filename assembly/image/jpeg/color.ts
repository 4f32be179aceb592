// Color: rows of samples → rows of RGB bytes, with libjpeg's integer tables as SIMD arithmetic.
//
//   R = Y + (91881·Cr + 32768 >> 16)                  = Y + Cr + q15(Cr, 13173)
//   G = Y + (−22554·Cb − 46802·Cr + 32768 >> 16)      = Y + (−11277·Cb − 23401·Cr + 16384 >> 15)
//   B = Y + (116130·Cb + 32768 >> 16)                 = Y + 2·Cb + q15(Cb, −7471)
//
// q15(a, b) = (a·b + 2¹⁴) >> 15 is one operation; that it rounds like the 16-bit form for all 256 inputs was
// checked by trying them, and color-scalar.ts checks it again in the tests. G needs the 32-bit sum of both.
//
// V8 builds the two masks of a general shuffle anew each time, thirteen instructions; so pixels are first zipped to
// R G B 0, which are single instructions, and the zeros squeezed out by one mask that stays in a register.

import { Simd } from "../simd";

const RED: usize = memory.data<i16>([13173, 13173, 13173, 13173, 13173, 13173, 13173, 13173], 16);
const BLUE: usize = memory.data<i16>([-7471, -7471, -7471, -7471, -7471, -7471, -7471, -7471], 16);
const GREEN: usize = memory.data<i16>([-11277, -23401, -11277, -23401, -11277, -23401, -11277, -23401], 16);
const HALF: usize = memory.data<i32>([16384, 16384, 16384, 16384], 16);
const CENTER: usize = memory.data<i16>([128, 128, 128, 128, 128, 128, 128, 128], 16);
const WITHOUT_FOURTH: usize = memory.data<u8>(
  [0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 128, 128, 128, 128],
  16,
);

/** Steps of eight pixels: i16 lanes, chroma centered at 0. */
export class Pixels {
  @inline static red(y: v128, cr: v128): v128 {
    return i16x8.add(i16x8.add(y, cr), Simd.q15(cr, v128.load(RED)));
  }

  @inline static green(y: v128, cb: v128, cr: v128): v128 {
    const factors = v128.load(GREEN);
    const half = v128.load(HALF);
    const low = i32x4.dot_i16x8_s(v128.shuffle<i16>(cb, cr, 0, 8, 1, 9, 2, 10, 3, 11), factors);
    const high = i32x4.dot_i16x8_s(v128.shuffle<i16>(cb, cr, 4, 12, 5, 13, 6, 14, 7, 15), factors);
    const chroma = i16x8.narrow_i32x4_s(
      i32x4.shr_s(i32x4.add(low, half), 15),
      i32x4.shr_s(i32x4.add(high, half), 15),
    );
    return i16x8.add(y, chroma);
  }

  @inline static blue(y: v128, cb: v128): v128 {
    return i16x8.add(i16x8.add(y, i16x8.shl(cb, 1)), Simd.q15(cb, v128.load(BLUE)));
  }

  /** (a0, b0, a1, b1, …) of the first eight bytes of each. */
  @inline static zipLow(a: v128, b: v128): v128 {
    return v128.shuffle<i8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  }

  /** The same of the last eight bytes. */
  @inline static zipHigh(a: v128, b: v128): v128 {
    return v128.shuffle<i8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  }

  @inline static zipLowPairs(a: v128, b: v128): v128 {
    return v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  }

  @inline static zipHighPairs(a: v128, b: v128): v128 {
    return v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
  }

  /** Four pixels of R G B 0 each → the next twelve bytes at `to`; writes four more. */
  @inline static squeeze(pixels: v128, to: usize, offset: usize): void {
    v128.store(to + offset, Simd.pick(pixels, v128.load(WITHOUT_FOURTH)));
  }

  /** 16 pixels of planar R, G, B → 48 bytes R G B R G B … at `to`; writes four more. */
  @inline static interleave(r: v128, g: v128, b: v128, to: usize): void {
    const zero = i64x2.splat(0);
    let redGreen = Pixels.zipLow(r, g);
    let blue = Pixels.zipLow(b, zero);
    Pixels.squeeze(Pixels.zipLowPairs(redGreen, blue), to, 0);
    Pixels.squeeze(Pixels.zipHighPairs(redGreen, blue), to, 12);
    redGreen = Pixels.zipHigh(r, g);
    blue = Pixels.zipHigh(b, zero);
    Pixels.squeeze(Pixels.zipLowPairs(redGreen, blue), to, 24);
    Pixels.squeeze(Pixels.zipHighPairs(redGreen, blue), to, 36);
  }
}

/**
 * u8 [width] of Y, Cb and Cr → u8 [width, 3] at `to`. Works in steps of 16 pixels: reads up to 15 samples and
 * writes up to 49 bytes beyond the row.
 */
export function rowFromYCbCr(luma: usize, blueness: usize, redness: usize, to: usize, width: u32): void {
  const center = v128.load(CENTER);
  for (let end = luma + <usize>width; luma < end; luma += 16, blueness += 16, redness += 16, to += 48) {
    const y = v128.load(luma);
    const cb = v128.load(blueness);
    const cr = v128.load(redness);
    const yLow = i16x8.extend_low_i8x16_u(y);
    const yHigh = i16x8.extend_high_i8x16_u(y);
    const cbLow = i16x8.sub(i16x8.extend_low_i8x16_u(cb), center);
    const cbHigh = i16x8.sub(i16x8.extend_high_i8x16_u(cb), center);
    const crLow = i16x8.sub(i16x8.extend_low_i8x16_u(cr), center);
    const crHigh = i16x8.sub(i16x8.extend_high_i8x16_u(cr), center);
    const r = i8x16.narrow_i16x8_u(Pixels.red(yLow, crLow), Pixels.red(yHigh, crHigh));
    const g = i8x16.narrow_i16x8_u(Pixels.green(yLow, cbLow, crLow), Pixels.green(yHigh, cbHigh, crHigh));
    const b = i8x16.narrow_i16x8_u(Pixels.blue(yLow, cbLow), Pixels.blue(yHigh, cbHigh));
    Pixels.interleave(r, g, b, to);
  }
}

/** As rowFromYCbCr, for samples that are R, G and B already. */
export function rowFromRgb(red: usize, green: usize, blue: usize, to: usize, width: u32): void {
  for (let end = red + <usize>width; red < end; red += 16, green += 16, blue += 16, to += 48)
    Pixels.interleave(v128.load(red), v128.load(green), v128.load(blue), to);
}

/** As rowFromYCbCr, for gray samples: R = G = B. */
export function rowFromGray(gray: usize, to: usize, width: u32): void {
  for (let end = gray + <usize>width; gray < end; gray += 16, to += 48) {
    const y = v128.load(gray);
    v128.store(to, v128.shuffle<i8>(y, y, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5));
    v128.store(to, v128.shuffle<i8>(y, y, 5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8, 9, 9, 9, 10, 10), 16);
    v128.store(
      to,
      v128.shuffle<i8>(y, y, 10, 11, 11, 11, 12, 12, 12, 13, 13, 13, 14, 14, 14, 15, 15, 15),
      32,
    );
  }
}
