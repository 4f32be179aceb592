// IDCT: a block of quantised coefficients → 8×8 samples. libjpeg's "islow" integers, bit for bit, in SIMD; the
// arithmetic is explained in idct-lines.ts, the scalar twin is idct-scalar.ts.
//
// Where the last coefficient stands early in the zigzag, most inputs are zero: DC alone fills the block with one
// value, and positions up to 9 lie within the first four rows and columns.

import { transform4x4 } from "./idct-4x4";
import { COLUMN_SHIFT, Lines, ROUND_COLUMNS, ROUND_ROWS, ROW_SHIFT, work, writeColumns } from "./idct-lines";

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

/** All 64 coefficients: columns, transpose, rows. */
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
    v128.load(ROUND_COLUMNS),
    COLUMN_SHIFT,
    work,
  );
  // Transpose i16 [8, 8]: interleave rows at distance 4, then 2, then 1.
  const w0 = v128.load(work);
  const w1 = v128.load(work, 16);
  const w2 = v128.load(work, 32);
  const w3 = v128.load(work, 48);
  const w4 = v128.load(work, 64);
  const w5 = v128.load(work, 80);
  const w6 = v128.load(work, 96);
  const w7 = v128.load(work, 112);
  const x0 = Lines.low(w0, w4);
  const x1 = Lines.high(w0, w4);
  const x2 = Lines.low(w1, w5);
  const x3 = Lines.high(w1, w5);
  const x4 = Lines.low(w2, w6);
  const x5 = Lines.high(w2, w6);
  const x6 = Lines.low(w3, w7);
  const x7 = Lines.high(w3, w7);
  const y0 = Lines.low(x0, x4);
  const y1 = Lines.high(x0, x4);
  const y2 = Lines.low(x1, x5);
  const y3 = Lines.high(x1, x5);
  const y4 = Lines.low(x2, x6);
  const y5 = Lines.high(x2, x6);
  const y6 = Lines.low(x3, x7);
  const y7 = Lines.high(x3, x7);
  Lines.full(
    Lines.low(y0, y4),
    Lines.high(y0, y4),
    Lines.low(y1, y5),
    Lines.high(y1, y5),
    Lines.low(y2, y6),
    Lines.high(y2, y6),
    Lines.low(y3, y7),
    Lines.high(y3, y7),
    v128.load(ROUND_ROWS),
    ROW_SHIFT,
    work,
  );
  writeColumns(target, stride);
}
