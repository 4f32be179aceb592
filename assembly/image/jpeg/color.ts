// Colour: rows of samples → rows of RGB bytes, with libjpeg's integer tables as SIMD arithmetic.
//
//   R = Y + (91881·Cr + 32768 >> 16)                  = Y + Cr + q15(Cr, 13173)
//   G = Y + (−22554·Cb − 46802·Cr + 32768 >> 16)      = Y − Cr + (−22554·Cb + 18734·Cr + 32768 >> 16)
//   B = Y + (116130·Cb + 32768 >> 16)                 = Y + 2·Cb + q15(Cb, −7471)
//
// q15(a, b) = (a·b + 2¹⁴) >> 15 is one instruction; that it rounds like the 16-bit form for all 256 inputs was
// checked by trying them, and color-scalar.ts checks it again in the tests. G needs the 32-bit sum of both.

const RED: usize = memory.data<i16>([13173, 13173, 13173, 13173, 13173, 13173, 13173, 13173], 16);
const BLUE: usize = memory.data<i16>([-7471, -7471, -7471, -7471, -7471, -7471, -7471, -7471], 16);
const GREEN: usize = memory.data<i16>([-22554, 18734, -22554, 18734, -22554, 18734, -22554, 18734], 16);
const HALF: usize = memory.data<i32>([32768, 32768, 32768, 32768], 16);
const CENTER: usize = memory.data<i16>([128, 128, 128, 128, 128, 128, 128, 128], 16);

class Lanes {
  @inline static green(y: v128, cb: v128, cr: v128): v128 {
    const factors = v128.load(GREEN);
    const half = v128.load(HALF);
    const low = i32x4.dot_i16x8_s(v128.shuffle<i16>(cb, cr, 0, 8, 1, 9, 2, 10, 3, 11), factors);
    const high = i32x4.dot_i16x8_s(v128.shuffle<i16>(cb, cr, 4, 12, 5, 13, 6, 14, 7, 15), factors);
    const chroma = i16x8.narrow_i32x4_s(
      i32x4.shr_s(i32x4.add(low, half), 16),
      i32x4.shr_s(i32x4.add(high, half), 16),
    );
    return i16x8.add(i16x8.sub(y, cr), chroma);
  }

  @inline static red(y: v128, cr: v128): v128 {
    return i16x8.add(i16x8.add(y, cr), i16x8.q15mulr_sat_s(cr, v128.load(RED)));
  }

  @inline static blue(y: v128, cb: v128): v128 {
    return i16x8.add(i16x8.add(y, i16x8.shl(cb, 1)), i16x8.q15mulr_sat_s(cb, v128.load(BLUE)));
  }

  /** 16 pixels of planar R, G, B → 48 bytes R G B R G B … */
  @inline static interleave(r: v128, g: v128, b: v128, to: usize): void {
    const low = v128.shuffle<i8>(r, g, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const high = v128.shuffle<i8>(r, g, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    const middle = v128.shuffle<i8>(
      low,
      high,
      10,
      11,
      12,
      13,
      14,
      15,
      16,
      17,
      18,
      19,
      20,
      21,
      22,
      23,
      24,
      25,
    );
    v128.store(to, v128.shuffle<i8>(low, b, 0, 1, 16, 2, 3, 17, 4, 5, 18, 6, 7, 19, 8, 9, 20, 10));
    v128.store(to, v128.shuffle<i8>(middle, b, 1, 21, 2, 3, 22, 4, 5, 23, 6, 7, 24, 8, 9, 25, 10, 11), 16);
    v128.store(to, v128.shuffle<i8>(high, b, 26, 6, 7, 27, 8, 9, 28, 10, 11, 29, 12, 13, 30, 14, 15, 31), 32);
  }
}

/**
 * u8 [width] of Y, Cb and Cr → u8 [width, 3] at `to`. Works in steps of 16 pixels: reads up to 15 samples and
 * writes up to 45 bytes beyond the row.
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
    const r = i8x16.narrow_i16x8_u(Lanes.red(yLow, crLow), Lanes.red(yHigh, crHigh));
    const g = i8x16.narrow_i16x8_u(Lanes.green(yLow, cbLow, crLow), Lanes.green(yHigh, cbHigh, crHigh));
    const b = i8x16.narrow_i16x8_u(Lanes.blue(yLow, cbLow), Lanes.blue(yHigh, cbHigh));
    Lanes.interleave(r, g, b, to);
  }
}

/** As rowFromYCbCr, for samples that are R, G and B already. */
export function rowFromRgb(red: usize, green: usize, blue: usize, to: usize, width: u32): void {
  for (let end = red + <usize>width; red < end; red += 16, green += 16, blue += 16, to += 48)
    Lanes.interleave(v128.load(red), v128.load(green), v128.load(blue), to);
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
