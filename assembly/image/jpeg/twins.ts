// Twins: entry points through which the tests hold each SIMD kernel against its scalar form.

import { rowFromYCbCr } from "./color";
import { rowFromYCbCrScalar } from "./color-scalar";
import { inverseTransform } from "./idct";
import { inverseTransformScalar } from "./idct-scalar";

/** See `inverseTransform`; rows of the result lie 8 bytes apart. */
export function inverseTransformTwin(
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
export function colorTwin(
  scalar: bool,
  luma: usize,
  blueness: usize,
  redness: usize,
  to: usize,
  width: u32,
): void {
  if (scalar) rowFromYCbCrScalar(luma, blueness, redness, to, width);
  else rowFromYCbCr(luma, blueness, redness, to, width);
}
