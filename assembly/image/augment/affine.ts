// Affine: shear, translation and rotation, as Pillow's Image.transform does them, byte for byte. Scalar reference:
// affine-scalar.ts.
//
// How it is fast: each row is split into the parts outside the input, which take the fill color, and one run inside it.
// The kernels of affine-lines.ts and affine-plane.ts compute the run in less than double precision with a known error
// bound; where the bound leaves a byte undecided, affine-source.ts computes the pixel in double. Compared with vectors
// pixel by pixel (224×224, Node 20; Node 24 gains more), a rotation takes 0.75 instead of 1.5 ms, shears and
// translations 0.2 instead of 0.7 to 0.95.

import { fail, reserve } from "../call";
import { Region, Status } from "../contract";
import {
  COLUMN_BYTES,
  fillTaps,
  filterColumns,
  filterLine,
  neighbors,
  TAPS_BYTES,
  UNSURE,
} from "./affine-lines";
import { filterPlane } from "./affine-plane";
import { FILL_BLUE, FILL_GREEN, FILL_RED } from "./affine-scalar";
import {
  bicubic,
  paddedStride,
  padPicture,
  positionX,
  positionY,
  setMatrix,
  setPicture,
  stride,
} from "./affine-source";

const taps: usize = memory.data(16, 16);

/** The kernel for a matrix. */
enum Kernel {
  /** Translation by a whole number of pixels across: vertical neighbors, the same weights everywhere. */
  Down = 0,
  /** Rows stay rows, moved down by a whole number of pixels: horizontal neighbors, the same weights along a row. */
  Across = 1,
  /**
   * Columns stay columns, moved across by a whole number of pixels: vertical neighbors, the same weights down a
   * column.
   */
  Columns = 2,
  Plane = 3,
}

function isWhole(value: f64): bool {
  return Math.floor(value) === value;
}

/** Distances in steps of 1/128 have exact weights, and exact products in double. */
function isMultiple(value: f64, parts: f64): bool {
  return isWhole(value * parts);
}

function kernelOf(a: f64, b: f64, c: f64, d: f64, e: f64, f: f64): Kernel {
  if (a !== 1.0 || e !== 1.0) return Kernel.Plane;
  if (d === 0.0 && isWhole(f)) return Kernel.Across;
  if (b !== 0.0 || !isWhole(c)) return Kernel.Plane;
  return d === 0.0 ? Kernel.Down : Kernel.Columns;
}

/** Fills pixels `from` … `to` − 1 of the line at `target`; writes one byte more. */
function fill(target: usize, from: i32, to: i32): void {
  const color = <u32>FILL_RED | ((<u32>FILL_GREEN) << 8) | ((<u32>FILL_BLUE) << 16);
  const end = target + <usize>to * 3;
  for (let at = target + <usize>from * 3; at < end; at += 3) store<u32>(at, color);
}

function isInside(column: i32, row: i32, width: f64, height: f64): bool {
  const x = positionX(column, row);
  const y = positionY(column, row);
  return x >= 0.0 && x < width && y >= 0.0 && y < height;
}

/**
 * The first column of `row` that is inside; `width` if none is. The columns inside are contiguous and usually start
 * near `guess`, the first of the row above.
 */
function firstInside(guess: i32, row: i32, width: i32, height: i32): i32 {
  let column = guess;
  if (column < width && isInside(column, row, <f64>width, <f64>height)) {
    while (column > 0 && isInside(column - 1, row, <f64>width, <f64>height)) column--;
    return column;
  }
  while (column < width && !isInside(column, row, <f64>width, <f64>height)) column++;
  if (column < width) return column;
  column = 0;
  while (column < guess && !isInside(column, row, <f64>width, <f64>height)) column++;
  return column < guess ? column : width;
}

/** The column after the last that is inside, where `first` is the first; `guess` is no smaller. */
function endInside(first: i32, guess: i32, row: i32, width: i32, height: i32): i32 {
  if (first === width) return width;
  let end = max(guess, first + 1);
  while (!isInside(end - 1, row, <f64>width, <f64>height)) end--;
  while (end < width && isInside(end, row, <f64>width, <f64>height)) end++;
  return end;
}

/** No picture has a column or row beyond this. */
const FAR: f64 = 4194304;

function near(position: f64): i32 {
  return <i32>Math.min(Math.max(Math.floor(position), -FAR), FAR);
}

/** The table of `filterColumns`: taps and first neighbor of each column; 0 if it does not fit into memory. */
function makeColumns(width: i32): usize {
  const table = reserve(Region.Scratch, <usize>width * COLUMN_BYTES);
  if (table === 0) return 0;
  for (let column = 0; column < width; column++) {
    const y = positionY(column, 0) - 0.5;
    const entry = table + <usize>column * COLUMN_BYTES;
    fillTaps(entry, y - Math.floor(y), bicubic);
    store<usize>(entry, neighbors(near(positionX(column, 0) - 0.5), near(y) - 1), TAPS_BYTES);
  }
  return table;
}

/** Columns `from` … `to` − 1 of `row`, all inside, with the same taps throughout. */
function filterRow(kernel: Kernel, unsure: i32, from: i32, to: i32, row: i32, target: usize): void {
  const x = positionX(from, row) - 0.5;
  const y = positionY(from, row) - 0.5;
  const left = near(x);
  const top = near(y);
  const down = kernel === Kernel.Down;
  fillTaps(taps, down ? y - <f64>top : x - <f64>left, bicubic);
  const first = down ? neighbors(left, top - 1) : neighbors(left - 1, top);
  filterLine(first, down ? stride : 3, taps, unsure, from, to, row, target);
}

/**
 * u8 [height, width, 3] in place: output (x, y) samples the input at (a·x + b·y + c, d·x + e·y + f); outside it takes
 * the fill color.
 */
export function affine(
  pixels: usize,
  width: i32,
  height: i32,
  a: f64,
  b: f64,
  c: f64,
  d: f64,
  e: f64,
  f: f64,
  isBicubic: bool,
): Status {
  const padded = padPicture(pixels, width, height);
  if (padded === 0) return fail(Status.OutOfMemory, 0);
  setPicture(padded, paddedStride(width), isBicubic);
  setMatrix(a, b, c, d, e, f);
  const kernel = kernelOf(a, b, c, d, e, f);
  const table: usize = kernel === Kernel.Columns ? makeColumns(width) : 0;
  if (kernel === Kernel.Columns && table === 0) return fail(Status.OutOfMemory, 0);
  const exact = isMultiple(b, 64) && isMultiple(c, 128) && isMultiple(d, 64) && isMultiple(f, 128);
  const unsure = exact ? 0 : UNSURE;
  let line = pixels;
  let from = 0;
  let to = width;
  for (let row = 0; row < height; row++, line += <usize>width * 3) {
    from = firstInside(from, row, width, height);
    to = endInside(from, to, row, width, height);
    fill(line, 0, from);
    if (to > from) {
      const target = line + <usize>from * 3;
      if (kernel === Kernel.Plane) filterPlane(from, to, row, a, d, target);
      else if (kernel === Kernel.Columns) filterColumns(table, unsure, from, to, row, line);
      else filterRow(kernel, unsure, from, to, row, target);
    }
    fill(line, to, width);
  }
  return Status.Ok;
}
