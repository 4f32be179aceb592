// IDCT: a block of quantized coefficients → 8×8 samples. libjpeg's "islow" integers, bit for bit, in SIMD; the
// arithmetic is explained in idct-lines.ts, the scalar twin is idct-scalar.ts.
//
// Where the last coefficient stands early in the zigzag, most inputs are zero: DC alone fills the block with one
// value, and positions up to 9 lie within the first four rows and columns.

import { transform4x4 } from "./idct-4x4";
import { Lines, work } from "./idct-lines";
import { rowsOfEight } from "./idct-rows";

/** Highest zigzag position that the 4×4 shortcut takes. */
const LAST_OF_4X4: u32 = 9;

/**
 * block i16 [8, 8] in natural order, multipliers i16 [8, 8] → u8 [8, 8] at `target`, rows `stride` bytes apart.
 * `last` is the highest zigzag position that may hold another value than 0.
 */
export function inverseTransform(
  block: usize,
  multipliers: usize,
  target: usize,
  stride: usize,
  last: u32,
): void {
  if (last === 0) fillFromDc(load<i16>(block) * load<i16>(multipliers), target, stride);
  else if (last <= LAST_OF_4X4) transform4x4(block, multipliers, target, stride);
  else transform8x8(block, multipliers, target, stride);
}

/** A block without AC: (DC + 4) >> 3, the two passes' rounding taken together. */
function fillFromDc(dequantized: i16, target: usize, stride: usize): void {
  const column = (<i32>dequantized) << 2;
  const sample = ((column + 16) >> 5) + 128;
  const row = i8x16.splat(<i8>min(max(sample, 0), 255));
  for (let y = 0; y < 8; y++) {
    v128.store64_lane(target, row, 0);
    target += stride;
  }
}

/** All 64 coefficients. */
function transform8x8(block: usize, multipliers: usize, target: usize, stride: usize): void {
  Lines.full(
    Lines.row(block, multipliers, 0),
    Lines.row(block, multipliers, 1),
    Lines.row(block, multipliers, 2),
    Lines.row(block, multipliers, 3),
    Lines.row(block, multipliers, 4),
    Lines.row(block, multipliers, 5),
    Lines.row(block, multipliers, 6),
    Lines.row(block, multipliers, 7),
  );
  rowsOfEight(work, target, stride);
}
