// Affine: shear, translation and rotation, as Pillow's Image.transform does them, byte for byte. Twin: affine-scalar.ts.
//
// Each row is cut into what lies outside the input, which takes the fill color, and one stretch inside it. The kernels of
// affine-lines.ts and affine-plane.ts compute that in numbers of less than double precision and know how far they may be
// off; where that could matter, affine-exact.ts does the pixel in double. Against vectors pixel by pixel (224×224, Node 20;
// Node 24 gains more), a rotation takes 0.75 instead of 1.5 ms, shears and translations 0.2 instead of 0.7 to 0.95.

import { reserve } from "../memory";
import { fail } from "../outcome";
import { Region } from "../regions";
import { Status } from "../status";
import { bicubic, positionX, positionY, setMatrix, setPicture, stride } from "./affine-exact";
import { COLUMN_BYTES, filterColumns, filterLine, neighbors } from "./affine-lines";
import { filterPlane } from "./affine-plane";
import { FILL_BLUE, FILL_GREEN, FILL_RED } from "./affine-scalar";
import { fillTaps, TAPS_BYTES, UNSURE } from "./affine-taps";
import { paddedStride, padPicture } from "./padded";

const taps: usize = memory.data(16, 16);

/** Which kernel a matrix goes to. */
enum Kernel {
  /** Rows stay rows and columns columns by a whole distance across: neighbors below each other, the same everywhere. */
  Down = 0,
  /** Rows stay rows, by a whole distance down: neighbors side by side, the same along a row. */
  Across = 1,
  /** Columns stay columns, by a whole distance across: neighbors below each other, the same along a column. */
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

/** Pixels `from` … `to` − 1 of the line at `target`; writes a byte more. */
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
 * The first column of `row` that is inside; `width` where none is. Those that are inside lie together, and mostly begin
 * near `guess`, where they began in the row above.
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

/** The column behind the last that is inside, where `first` is the first; `guess` is no smaller. */
function endInside(first: i32, guess: i32, row: i32, width: i32, height: i32): i32 {
  if (first === width) return width;
  let end = max(guess, first + 1);
  while (!isInside(end - 1, row, <f64>width, <f64>height)) end--;
  while (end < width && isInside(end, row, <f64>width, <f64>height)) end++;
  return end;
}

/** Beyond it no column or row of a picture lies. */
const FAR: f64 = 4194304;

function near(position: f64): i32 {
  return <i32>Math.min(Math.max(Math.floor(position), -FAR), FAR);
}

/** For each column its taps, and where the first of them is for row 0; 0 where memory forbids it. */
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

/** Columns `from` … `to` − 1 of `row`, all inside, with the same taps from one to the next. */
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
 * u8 [height, width, 3] in place: output (x, y) looks at (a·x + b·y + c, d·x + e·y + f) of the input; outside of it the
 * fill color.
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
