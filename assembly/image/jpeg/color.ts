// Color: rows of samples → rows of RGB bytes. YCbCr is libjpeg's table arithmetic (jdcolor.c), done in SIMD; the scalar
// reference is rowFromYCbCrScalar.
//
//   R = Y + (91881·Cr + 32768 >> 16)                  = Y + Cr + q15(Cr, 13173)
//   G = Y + (−22554·Cb − 46802·Cr + 32768 >> 16)      = Y + (−11277·Cb − 23401·Cr + 16384 >> 15)
//   B = Y + (116130·Cb + 32768 >> 16)                 = Y + 2·Cb + q15(Cb, −7471)
//
// How it is fast: q15(a, b) = (a·b + 2¹⁴) >> 15 is one operation. That it rounds like the 16-bit form for all 256
// inputs was checked exhaustively, and the tests check it again against the scalar reference. G needs the 32-bit sum
// of both products. V8 rebuilds the two masks of a general shuffle at every use, thirteen instructions; so pixels are
// first zipped to R G B 0, which takes single instructions, and the zeros are dropped with one mask that stays in a
// register.

import { Simd } from "../simd";

/** 1.402 − 1 = 0.402, times 2¹⁵. */
const RED: usize = memory.data<i16>([13173, 13173, 13173, 13173, 13173, 13173, 13173, 13173], 16);
/** 1.772 − 2 = −0.228, times 2¹⁵. */
const BLUE: usize = memory.data<i16>([-7471, -7471, -7471, -7471, -7471, -7471, -7471, -7471], 16);
/** −0.344136286 (Cb) and −0.714136286 (Cr), times 2¹⁵. */
const GREEN: usize = memory.data<i16>([-11277, -23401, -11277, -23401, -11277, -23401, -11277, -23401], 16);
/** ½ of 2¹⁵, to round. */
const HALF: usize = memory.data<i32>([16384, 16384, 16384, 16384], 16);
/** The chroma sample that means none. */
const CENTER: usize = memory.data<i16>([128, 128, 128, 128, 128, 128, 128, 128], 16);

/** Steps of eight pixels: i16 lanes, chroma centered at 0. */
export class Pixels {
  @inline static red(y: v128, cr: v128): v128 {
    return i16x8.add(i16x8.add(y, cr), Simd.q15(cr, v128.load(RED)));
  }

  @inline static green(y: v128, cb: v128, cr: v128): v128 {
    const factors = v128.load(GREEN);
    const half = v128.load(HALF);
    const low = i32x4.dot_i16x8_s(Simd.zipLow16(cb, cr), factors);
    const high = i32x4.dot_i16x8_s(Simd.zipHigh16(cb, cr), factors);
    const chroma = i16x8.narrow_i32x4_s(
      i32x4.shr_s(i32x4.add(low, half), 15),
      i32x4.shr_s(i32x4.add(high, half), 15),
    );
    return i16x8.add(y, chroma);
  }

  @inline static blue(y: v128, cb: v128): v128 {
    return i16x8.add(i16x8.add(y, i16x8.shl(cb, 1)), Simd.q15(cb, v128.load(BLUE)));
  }

  /** Four pixels of R G B 0 each → twelve bytes at `to` + `offset`; writes four more. */
  @inline static store(pixels: v128, to: usize, offset: usize): void {
    v128.store(to + offset, Simd.dropFourth(pixels));
  }

  /** 16 pixels of planar R, G, B → 48 bytes R G B R G B … at `to`; writes four more. */
  @inline static interleave(r: v128, g: v128, b: v128, to: usize): void {
    const zero = i64x2.splat(0);
    let redGreen = Simd.zipLow(r, g);
    let blue = Simd.zipLow(b, zero);
    Pixels.store(Simd.zipLow16(redGreen, blue), to, 0);
    Pixels.store(Simd.zipHigh16(redGreen, blue), to, 12);
    redGreen = Simd.zipHigh(r, g);
    blue = Simd.zipHigh(b, zero);
    Pixels.store(Simd.zipLow16(redGreen, blue), to, 24);
    Pixels.store(Simd.zipHigh16(redGreen, blue), to, 36);
  }
}

/**
 * u8 [width] of Y, Cb and Cr → u8 [width, 3] at `to`. Works in steps of 16 pixels: reads up to 15 samples and
 * writes up to 49 bytes beyond the row.
 */
export function rowFromYCbCr(luma: usize, cbRow: usize, crRow: usize, to: usize, width: u32): void {
  const center = v128.load(CENTER);
  for (let end = luma + <usize>width; luma < end; luma += 16, cbRow += 16, crRow += 16, to += 48) {
    const y = v128.load(luma);
    const cb = v128.load(cbRow);
    const cr = v128.load(crRow);
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

/** The same arguments and result as `rowFromYCbCr`, one pixel at a time and without touching a byte beyond the row. */
export function rowFromYCbCrScalar(luma: usize, cbRow: usize, crRow: usize, to: usize, width: u32): void {
  for (let x: usize = 0; x < <usize>width; x++, to += 3) {
    const y = <i32>load<u8>(luma + x);
    const cb = <i32>load<u8>(cbRow + x) - 128;
    const cr = <i32>load<u8>(crRow + x) - 128;
    store<u8>(to, clamp(y + ((91881 * cr + 32768) >> 16)));
    store<u8>(to, clamp(y + ((-22554 * cb - 46802 * cr + 32768) >> 16)), 1);
    store<u8>(to, clamp(y + ((116130 * cb + 32768) >> 16)), 2);
  }
}

function clamp(value: i32): u8 {
  return <u8>min(max(value, 0), 255);
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

/** Rounded a·b / 255, exact for bytes. */
function multiplyBytes(a: u32, b: u32): u32 {
  const product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

/**
 * Applies the fourth component of CMYK and YCCK pictures, u8 [width] of inverted black, to u8 [width, 3] at `to`, in
 * place. Adobe stores ink inverted (255 = none), and every reader assumes it. Pillow's conversion: with k = 255 −
 * black, a channel becomes k − ⌊c·k/255⌉, where c is that channel's ink. The row holds inverted ink (CMYK), or, with
 * `converted`, the result of YCbCr → RGB: that is the ink itself, as libjpeg's YCCK → CMYK inverts it once more.
 */
export function applyBlack(black: usize, to: usize, width: u32, converted: bool): void {
  for (let x: usize = 0; x < <usize>width; x++, to += 3) {
    const k = <u32>load<u8>(black + x);
    for (let channel: usize = 0; channel < 3; channel++) {
      const value = <u32>load<u8>(to + channel);
      const ink = converted ? value : 255 - value;
      store<u8>(to + channel, <u8>(k - multiplyBytes(ink, k)));
    }
  }
}
