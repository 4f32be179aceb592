// IDCT: a block of quantized coefficients → samples, by the transform that is right for it. At full size these are
// libjpeg's "islow" integers, bit for bit, in SIMD; idct-scalar.ts is the scalar reference.
//
// How it is fast: where the last coefficient is early in the zigzag, most inputs are zero. DC alone fills the block
// with one value, and positions up to 9 are within the first four rows and columns, which halves both passes.

import { Columns, FACTORS, ROUND, work } from "./idct-columns";
import { rowsOfEight, rowsOfFour } from "./idct-rows";
import { fillScaled, transformTo2x2, transformTo4x4 } from "./idct-scaled";
import { Component } from "./picture";

/** Highest zigzag position that `transform4x4` covers. */
const LAST_OF_4X4: u32 = 9;

/**
 * block, multipliers i16 [8, 8] in natural order → u8 [c.side, c.side] at `target`, rows `c.stride` bytes apart, where
 * `c.side` is the size that the component is decoded at. `last` is the highest zigzag position that may be nonzero.
 */
export function transformBlock(
  c: Component,
  block: usize,
  multipliers: usize,
  target: usize,
  last: u32,
): void {
  const side = c.side;
  if (side === 8) inverseTransform(block, multipliers, target, c.stride, last);
  else if (side === 1 || last === 0)
    fillScaled(load<i16>(block) * load<i16>(multipliers), target, c.stride, side);
  else if (side === 4) transformTo4x4(block, multipliers, target, c.stride);
  else transformTo2x2(block, multipliers, target, c.stride);
}

/**
 * block, multipliers i16 [8, 8] in natural order → u8 [8, 8] at `target`, rows `stride` bytes apart. `last` is the
 * highest zigzag position that may be nonzero.
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

/** A block without AC: (DC + 4) >> 3, which is what the two passes' roundings amount to. */
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
  Columns.full(
    Columns.row(block, multipliers, 0),
    Columns.row(block, multipliers, 1),
    Columns.row(block, multipliers, 2),
    Columns.row(block, multipliers, 3),
    Columns.row(block, multipliers, 4),
    Columns.row(block, multipliers, 5),
    Columns.row(block, multipliers, 6),
    Columns.row(block, multipliers, 7),
  );
  rowsOfEight(work, target, stride);
}

/** Coefficients in the first four rows and columns only: half of the column pass, and no in4 … in7 in either pass. */
function transform4x4(block: usize, multipliers: usize, target: usize, stride: usize): void {
  const in0 = i16x8.mul(v128.load64_zero(block), v128.load(multipliers));
  const in1 = i16x8.mul(v128.load64_zero(block + 16), v128.load(multipliers, 16));
  const in2 = i16x8.mul(v128.load64_zero(block + 32), v128.load(multipliers, 32));
  const in3 = i16x8.mul(v128.load64_zero(block + 48), v128.load(multipliers, 48));
  const even = Columns.lowColumns(in0, in2);
  const odd = Columns.lowColumns(in1, in3);
  const round = v128.load(ROUND);
  const e0 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 192)), round);
  const e1 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 208)), round);
  const e3 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 224)), round);
  const e2 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 240)), round);
  const o3 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 64));
  const o2 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 96));
  const o1 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 128));
  const o0 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 160));
  // Rows r and r + 4.
  v128.store(work, i16x8.narrow_i32x4_s(Columns.sum(e0, o3), Columns.difference(e3, o0)));
  v128.store(work, i16x8.narrow_i32x4_s(Columns.sum(e1, o2), Columns.difference(e2, o1)), 16);
  v128.store(work, i16x8.narrow_i32x4_s(Columns.sum(e2, o1), Columns.difference(e1, o2)), 32);
  v128.store(work, i16x8.narrow_i32x4_s(Columns.sum(e3, o0), Columns.difference(e0, o3)), 48);
  rowsOfFour(work, target, stride);
}
