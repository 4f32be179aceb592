// Upsampling and color fused: rows of Y, and of Cb and Cr at half the size both ways → rows of RGB. The same bytes as
// upsample.ts followed by color.ts, which are its reference, for the sampling that cameras use (4:2:0).
//
// How it is fast: the triangle filter yields even pixels in one vector and odd pixels in another. Color is converted on
// these halves as they are, and they are interleaved only when the bytes are stored. That saves joining, storing,
// loading and widening both chroma rows, and the 128 is subtracted within the filter's rounding term.

import { Simd } from "../simd";
import { Pixels } from "./color";
import { addColumns } from "./upsample";

/** Rounding terms 8 and 7 of the filter, minus 16·128. */
const EVEN: usize = memory.data<i16>([-2040, -2040, -2040, -2040, -2040, -2040, -2040, -2040], 16);
const ODD: usize = memory.data<i16>([-2041, -2041, -2041, -2041, -2041, -2041, -2041, -2041], 16);
const LOW_BYTES: usize = memory.data<i16>([255, 255, 255, 255, 255, 255, 255, 255], 16);

class Halves {
  @inline static triple(sum: usize): v128 {
    const here = v128.load(sum, 2);
    return i16x8.add(here, i16x8.add(here, here));
  }

  /** Eight even pixels' chroma − 128; the column sums at `sum` start with the sample before the first. */
  @inline static even(triple: v128, sum: usize): v128 {
    return i16x8.shr_s(i16x8.add(i16x8.add(triple, v128.load(EVEN)), v128.load(sum)), 4);
  }

  @inline static odd(triple: v128, sum: usize): v128 {
    return i16x8.shr_s(i16x8.add(i16x8.add(triple, v128.load(ODD)), v128.load(sum, 4)), 4);
  }

  /** Pixels 0, 2, 4, … and 1, 3, 5, … in the halves of r, g, b → 48 bytes in order; writes four more. */
  @inline static interleave(r: v128, g: v128, b: v128, to: usize): void {
    const zero = i64x2.splat(0);
    const evenRg = Simd.zipLow(r, g);
    const evenB = Simd.zipLow(b, zero);
    const oddRg = Simd.zipHigh(r, g);
    const oddB = Simd.zipHigh(b, zero);
    let even = Simd.zipLow16(evenRg, evenB);
    let odd = Simd.zipLow16(oddRg, oddB);
    Pixels.store(v128.shuffle<i32>(even, odd, 0, 4, 1, 5), to, 0);
    Pixels.store(v128.shuffle<i32>(even, odd, 2, 6, 3, 7), to, 12);
    even = Simd.zipHigh16(evenRg, evenB);
    odd = Simd.zipHigh16(oddRg, oddB);
    Pixels.store(v128.shuffle<i32>(even, odd, 0, 4, 1, 5), to, 24);
    Pixels.store(v128.shuffle<i32>(even, odd, 2, 6, 3, 7), to, 36);
  }
}

/**
 * luma u8 [2·count]; two rows each of Cb and Cr u8 [count] with a neighbor on each side, the nearer first → u8
 * [2·count, 3] at `to`; the row may need one pixel less. `sums` is scratch memory for i16 [2, count + 32], 16-byte
 * aligned. Reads up to 15 samples and writes up to 49 bytes beyond the row.
 */
export function rowFromHalves(
  luma: usize,
  cbNear: usize,
  cbFar: usize,
  crNear: usize,
  crFar: usize,
  to: usize,
  count: u32,
  sums: usize,
): void {
  const cbSums = sums;
  const crSums = sums + ((<usize>(count + 32)) << 1);
  addColumns(cbNear, cbFar, count, cbSums);
  addColumns(crNear, crFar, count, crSums);
  const step = crSums - cbSums;
  const lowBytes = v128.load(LOW_BYTES);
  const end = cbSums + ((<usize>count) << 1);
  for (let sum = cbSums; sum < end; sum += 16, luma += 16, to += 48) {
    const y = v128.load(luma);
    const yEven = v128.and(y, lowBytes);
    const yOdd = i16x8.shr_u(y, 8);
    let triple = Halves.triple(sum);
    const cbEven = Halves.even(triple, sum);
    const cbOdd = Halves.odd(triple, sum);
    triple = Halves.triple(sum + step);
    const crEven = Halves.even(triple, sum + step);
    const crOdd = Halves.odd(triple, sum + step);
    const r = i8x16.narrow_i16x8_u(Pixels.red(yEven, crEven), Pixels.red(yOdd, crOdd));
    const g = i8x16.narrow_i16x8_u(Pixels.green(yEven, cbEven, crEven), Pixels.green(yOdd, cbOdd, crOdd));
    const b = i8x16.narrow_i16x8_u(Pixels.blue(yEven, cbEven), Pixels.blue(yOdd, cbOdd));
    Halves.interleave(r, g, b, to);
  }
}
