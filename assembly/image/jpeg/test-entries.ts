// Test entries: exports through which tests compare each SIMD kernel of the decoder with its scalar reference.

import { rowFromYCbCr, rowFromYCbCrScalar } from "./color";
import { inverseTransform } from "./idct";
import { inverseTransformScalar } from "./idct-scalar";
import { upsampleBoth } from "./upsample";
import { rowFromHalves } from "./upsample-color";

/** See `inverseTransform`; rows of the result are 8 bytes apart. */
export function testInverseTransform(
  scalar: bool,
  block: usize,
  multipliers: usize,
  target: usize,
  last: u32,
): void {
  if (scalar) inverseTransformScalar(block, multipliers, target, 8);
  else inverseTransform(block, multipliers, target, 8, last);
}

/** See `rowFromYCbCr`. */
export function testColor(
  scalar: bool,
  luma: usize,
  cbRow: usize,
  crRow: usize,
  to: usize,
  width: u32,
): void {
  if (scalar) rowFromYCbCrScalar(luma, cbRow, crRow, to, width);
  else rowFromYCbCr(luma, cbRow, crRow, to, width);
}

/**
 * See `rowFromHalves`: its eight arguments are at `planes`, u8 [5, 128], as luma, near and far Cb, near and far Cr,
 * each 32 bytes in, with `count` samples of chroma up to 32. With `separate`, upsamples first, then converts.
 */
export function testUpsampleColor(
  separate: bool,
  planes: usize,
  to: usize,
  count: u32,
  scratch: usize,
): void {
  const luma = planes + 32;
  const cbNear = planes + 160;
  const crNear = planes + 416;
  if (!separate) {
    rowFromHalves(luma, cbNear, cbNear + 128, crNear, crNear + 128, to, count, scratch);
    return;
  }
  const cbRow = scratch + 512;
  const crRow = scratch + 768;
  upsampleBoth(cbNear, cbNear + 128, cbRow, count, scratch);
  upsampleBoth(crNear, crNear + 128, crRow, count, scratch);
  rowFromYCbCrScalar(luma, cbRow, crRow, to, 2 * count);
}
