// Matrix product: blocks for the caches around the register blocks of micro-kernel.ts. Every product of the network
// goes through `gemm`: linear layers, their two gradients, and attention.
//
// c [m, n] = a [m, k] · b [k, n]. Either factor may be stored transposed; strides are in bytes, so a head inside
// [tokens, 3·heads·size] is a matrix as well. 2·m·n·k flops.
//
// Loops, from outside: a block of k (its panel of B, 8 columns, stays in the first-level cache), a block of columns
// (all its panels stay in the second), a block of rows of A (second-level too), panels, strips of rows. A is read in
// place, by row pointers; only a transposed A is turned round first, since its columns lie a power of two apart in
// many models and would share a few cache sets. Between blocks of k the sums wait in c, so each value of c has one
// chain of additions in ascending k whatever the block sizes are.

import { rows1, rows2, rows3, rows4, rows5, rows6 } from "./micro-kernel";
import { packColumns, packRows, transpose } from "./pack";
import { PANELS_BYTES, panels, TURNED_BYTES, tile, turned } from "./scratch";

/** Most rows of a register block that micro-kernel.ts has. */
const MOST_ROWS: u32 = 6;
/** Rows of a register block; which number is fastest depends on the engine's register allocation (see setStrip). */
let stripRows: usize = 4;

/**
 * Chooses the rows of a register block, 1 to 6; other numbers change nothing. It changes no bit, only the speed: a block
 * that spills its sums runs at half speed, and which ones do differs between versions of V8 (see bench/kernels.ts).
 */
export function setStrip(rows: u32): void {
  if (rows > 0 && rows <= MOST_ROWS) stripRows = <usize>rows;
}

/** Steps of k in a block: a panel of 24 KiB leaves room for A in a first-level cache of 32 KiB. */
const K_BLOCK: usize = 768;
/** The same where A is transposed into scratch. */
const K_BLOCK_TRANSPOSED: usize = 256;
/** Bytes between turned rows, so that they do not lie 1 KiB apart and fight for the same cache sets. */
const TURNED_PAD: usize = 16;
/** What `gemm` does besides the product; add them. */
export const A_TRANSPOSED: u32 = 1; // a is stored [k, m]
export const B_TRANSPOSED: u32 = 2; // b is stored [n, k]
export const ACCUMULATE: u32 = 4; // c += a·b

/** c = a·b (+ c) (+ bias [n]) (+ residual [m, n], stride of c). c overlaps no input; k may be 0. */
export function gemm(
  m: usize,
  n: usize,
  k: usize,
  a: usize,
  aStride: usize,
  b: usize,
  bStride: usize,
  c: usize,
  cStride: usize,
  flags: u32,
  bias: usize,
  residual: usize,
): void {
  const turnA = (flags & A_TRANSPOSED) !== 0;
  const turnB = (flags & B_TRANSPOSED) !== 0;
  const kBlock = turnA ? K_BLOCK_TRANSPOSED : K_BLOCK;
  let k0: usize = 0;
  do {
    const depth = min(kBlock, k - k0);
    const last = k0 + depth === k;
    const accumulate = k0 > 0 || (flags & ACCUMULATE) !== 0;
    const columns = columnsPerBlock(depth);
    const rows = rowsPerBlock(depth);
    for (let n0: usize = 0; n0 < n; n0 += columns) {
      const width = min(columns, n - n0);
      if (turnB) packColumns(b + n0 * bStride + (k0 << 2), bStride, panels(), depth, width);
      else packRows(b + k0 * bStride + (n0 << 2), bStride, panels(), depth, width);
      for (let m0: usize = 0; m0 < m; m0 += rows) {
        const height = min(rows, m - m0);
        let block = a + m0 * aStride + (k0 << 2);
        let stride = aStride;
        if (turnA) {
          stride = (depth << 2) + TURNED_PAD;
          transpose(a + k0 * aStride + (m0 << 2), aStride, turned(), stride, depth, height);
          block = turned();
        }
        const offset = m0 * cStride + (n0 << 2);
        multiplyBlock(
          block,
          stride,
          height,
          width,
          depth,
          c + offset,
          cStride,
          last && bias ? bias + (n0 << 2) : 0,
          last && residual ? residual + offset : 0,
          accumulate,
        );
      }
    }
    k0 += depth;
  } while (k0 < k);
}

/** Columns whose panels fit PANELS, a multiple of 8. */
function columnsPerBlock(depth: usize): usize {
  return (PANELS_BYTES / (max<usize>(depth, 1) << 2)) & ~7;
}

/** Rows of A that fit their share of the cache (and TURNED), a multiple of the strip. */
function rowsPerBlock(depth: usize): usize {
  const rows = TURNED_BYTES / ((depth << 2) + TURNED_PAD);
  return rows - (rows % stripRows);
}

function multiplyBlock(
  a: usize,
  aStride: usize,
  height: usize,
  width: usize,
  k: usize,
  c: usize,
  cStride: usize,
  bias: usize,
  residual: usize,
  accumulate: bool,
): void {
  const strip = stripRows;
  const rest = height % strip;
  const whole = height - rest;
  const full = kernelIndex(strip);
  const partial = kernelIndex(rest);
  let panel = panels();
  for (let column: usize = 0; column < width; column += 8) {
    const offset = column << 2;
    let to = c + offset;
    let plus = residual ? residual + offset : 0;
    const biasAt = bias ? bias + offset : 0;
    const columns = min<usize>(8, width - column);
    for (let row: usize = 0; row < height; row += strip) {
      const from = a + row * aStride;
      const kernel = row < whole ? full : partial;
      if (columns === 8) {
        call_indirect<void>(kernel, from, aStride, panel, k, to, cStride, biasAt, plus, accumulate);
      } else {
        const rows = row < whole ? strip : rest;
        partialTile(kernel, rows, columns, from, aStride, panel, k, to, cStride, biasAt, plus, accumulate);
      }
      to += strip * cStride;
      if (plus) plus += strip * cStride;
    }
    panel += k << 5;
  }
}

/**
 * Place of a register block's function in the table. Called through it, each block stays a function of its own: asc
 * would inline them here, and V8 allocates registers for a whole function at a time.
 */
function kernelIndex(rows: usize): u32 {
  if (rows === 6) return rows6.index;
  if (rows === 5) return rows5.index;
  if (rows === 4) return rows4.index;
  if (rows === 3) return rows3.index;
  if (rows === 2) return rows2.index;
  return rows1.index;
}

/** A tile of fewer than 8 columns: computed whole in scratch, then copied with bias and residual. */
function partialTile(
  kernel: u32,
  rows: usize,
  columns: usize,
  a: usize,
  aStride: usize,
  panel: usize,
  k: usize,
  c: usize,
  cStride: usize,
  bias: usize,
  residual: usize,
  accumulate: bool,
): void {
  const whole = tile();
  if (accumulate) {
    for (let i: usize = 0; i < rows; i++) memory.copy(whole + (i << 5), c + i * cStride, columns << 2);
  }
  const none: usize = 0;
  const stride: usize = 32;
  call_indirect<void>(kernel, a, aStride, panel, k, whole, stride, none, none, accumulate);
  for (let i: usize = 0; i < rows; i++) {
    const offset = i * cStride;
    for (let j: usize = 0; j < columns; j++) {
      let value = load<f32>(whole + (i << 5) + (j << 2));
      if (bias) value += load<f32>(bias + (j << 2));
      if (residual) value += load<f32>(residual + offset + (j << 2));
      store<f32>(c + offset + (j << 2), value);
    }
  }
}
