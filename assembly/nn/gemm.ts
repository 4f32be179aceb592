// Matrix product: blocks for the caches around the register blocks of micro-kernel.ts. Every product of the network
// goes through `gemm`: linear layers, their two gradients, and attention.
//
// c [m, n] = a [m, k] · b [k, n]. Either factor may be stored transposed; strides are in bytes, so a head inside
// [tokens, 3·heads·size] is a matrix as well. 2·m·n·k flops.
//
// Loops, from outside: a block of k (its panel of B, 8 or 16 columns, stays in the first-level cache), a block of columns
// (all its panels stay in the second), a block of rows of A (second-level too), panels, strips of rows. A is read in
// place, by row pointers; only a transposed A is turned round first, since its columns lie a power of two apart in
// many models and would share a few cache sets. Between blocks of k the sums wait in c, so each value of c has one
// chain of additions in ascending k whatever the block sizes are.

import { residual as addResidual } from "./elementwise";
import {
  rows1x8,
  rows1x16,
  rows2x8,
  rows2x16,
  rows3x8,
  rows3x16,
  rows4x8,
  rows4x16,
  rows5x8,
  rows5x16,
  rows6x8,
  rows6x16,
} from "./micro-kernel";
import { packColumns, packRows, transpose, widthOfPanel } from "./pack";
import { PANELS_BYTES, panels, TURNED_BYTES, tile, turned } from "./scratch";

/** Most rows of a register block that micro-kernel.ts has. */
const MOST_ROWS: u32 = 6;
/** Columns of a panel of B that is not the wide one. */
const NARROW: usize = 8;
const WIDE: usize = 16;
/** The register block; which one is fastest depends on the engine's register allocation (see setBlock). */
let blockRows: usize = 4;
let panelColumns: usize = NARROW;

/**
 * Chooses the register block: 1 to 6 rows, 8 or 16 columns; other numbers change nothing. It changes no bit, only the
 * speed: a block that spills its sums runs at half speed, and which ones do differs between versions of V8 (see
 * runtime/executors/wasm/calibrate.ts).
 */
export function setBlock(rows: u32, columns: u32): void {
  if (rows === 0 || rows > MOST_ROWS || (columns !== <u32>NARROW && columns !== <u32>WIDE)) return;
  blockRows = <usize>rows;
  panelColumns = <usize>columns;
}

/** Bytes of a panel: room is left for A in a first-level cache of 32 KiB. */
const PANEL_BYTES: usize = 24 * 1024;
/** Where sums begin that begin with nothing. */
const ZEROS: usize = memory.data(64, 16);
/** Steps of k in a block where A is transposed into scratch. */
const K_BLOCK_TRANSPOSED: usize = 256;
/** Bytes between turned rows, so that they do not lie 1 KiB apart and fight for the same cache sets. */
const TURNED_PAD: usize = 16;
/** What `gemm` does besides the product; add them. */
export const A_TRANSPOSED: u32 = 1; // a is stored [k, m]
export const B_TRANSPOSED: u32 = 2; // b is stored [n, k]
export const ACCUMULATE: u32 = 4; // c += a·b

/**
 * c = bias [n] + a·b + residual [m, n], stride of c; both may be 0. With ACCUMULATE c += a·b, and neither may be there.
 * c overlaps no input; k may be 0.
 */
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
  const panelWidth = panelColumns;
  const kBlock = turnA ? K_BLOCK_TRANSPOSED : PANEL_BYTES / (panelWidth << 2);
  let k0: usize = 0;
  do {
    const depth = min(kBlock, k - k0);
    const last = k0 + depth === k;
    const accumulate = k0 > 0 || (flags & ACCUMULATE) !== 0;
    const columns = columnsPerBlock(depth);
    const rows = rowsPerBlock(depth);
    for (let n0: usize = 0; n0 < n; n0 += columns) {
      const width = min(columns, n - n0);
      if (turnB) packColumns(b + n0 * bStride + (k0 << 2), bStride, panels(), depth, width, panelWidth);
      else packRows(b + k0 * bStride + (n0 << 2), bStride, panels(), depth, width, panelWidth);
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
        const to = c + offset;
        let from = to;
        let fromStride = cStride;
        if (!accumulate) {
          from = bias ? bias + (n0 << 2) : 0;
          fromStride = 0;
        }
        multiplyBlock(block, stride, height, width, depth, to, cStride, from, fromStride);
        if (last && residual) addRows(residual + offset, to, cStride, height, width);
      }
    }
    k0 += depth;
  } while (k0 < k);
}

/** Columns whose panels fit PANELS, a multiple of either panel. */
function columnsPerBlock(depth: usize): usize {
  return (PANELS_BYTES / (max<usize>(depth, 1) << 2)) & ~15;
}

/** Rows of A that fit their share of the cache (and TURNED), a multiple of the strip. */
function rowsPerBlock(depth: usize): usize {
  const rows = TURNED_BYTES / ((depth << 2) + TURNED_PAD);
  return rows - (rows % blockRows);
}

function multiplyBlock(
  a: usize,
  aStride: usize,
  height: usize,
  width: usize,
  k: usize,
  c: usize,
  cStride: usize,
  from: usize,
  fromStride: usize,
): void {
  const strip = blockRows;
  const rest = height % strip;
  const whole = height - rest;
  let panel = panels();
  let column: usize = 0;
  while (column < width) {
    const panelWidth = widthOfPanel(width - column, panelColumns);
    const columns = min(panelWidth, width - column);
    const full = kernelIndex(strip, panelWidth);
    const partial = kernelIndex(rest, panelWidth);
    const offset = column << 2;
    let to = c + offset;
    // Without a place where sums begin, they begin with zeros.
    let begin = from ? from + offset : ZEROS;
    for (let row: usize = 0; row < height; row += strip) {
      const left = a + row * aStride;
      const kernel = row < whole ? full : partial;
      if (columns === panelWidth) {
        call_indirect<void>(kernel, left, aStride, panel, k, to, cStride, begin, fromStride);
      } else {
        const rows = row < whole ? strip : rest;
        partialTile(
          kernel,
          rows,
          panelWidth << 2,
          columns,
          left,
          aStride,
          panel,
          k,
          to,
          cStride,
          begin,
          fromStride,
        );
      }
      to += strip * cStride;
      begin += strip * fromStride;
    }
    panel += k * (panelWidth << 2);
    column += panelWidth;
  }
}

/**
 * Place of a register block's function in the table. Called through it, each block stays a function of its own: asc
 * would inline them here, and V8 allocates registers for a whole function at a time.
 */
function kernelIndex(rows: usize, columns: usize): u32 {
  if (columns === WIDE) {
    if (rows === 6) return rows6x16.index;
    if (rows === 5) return rows5x16.index;
    if (rows === 4) return rows4x16.index;
    if (rows === 3) return rows3x16.index;
    if (rows === 2) return rows2x16.index;
    return rows1x16.index;
  }
  if (rows === 6) return rows6x8.index;
  if (rows === 5) return rows5x8.index;
  if (rows === 4) return rows4x8.index;
  if (rows === 3) return rows3x8.index;
  if (rows === 2) return rows2x8.index;
  return rows1x8.index;
}

/** A tile of fewer columns than its panel: computed whole in scratch, then copied. */
function partialTile(
  kernel: u32,
  rows: usize,
  stride: usize,
  columns: usize,
  a: usize,
  aStride: usize,
  panel: usize,
  k: usize,
  c: usize,
  cStride: usize,
  from: usize,
  fromStride: usize,
): void {
  const whole = tile();
  for (let i: usize = 0; i < rows; i++) memory.copy(whole + i * stride, from + i * fromStride, columns << 2);
  call_indirect<void>(kernel, a, aStride, panel, k, whole, stride, whole, stride);
  for (let i: usize = 0; i < rows; i++) memory.copy(c + i * cStride, whole + i * stride, columns << 2);
}

/** c [rows, columns] += x, both with the same stride. */
function addRows(x: usize, c: usize, stride: usize, rows: usize, columns: usize): void {
  for (let i: usize = 0; i < rows; i++) {
    addResidual(x, c, 0, c, 1, columns);
    x += stride;
    c += stride;
  }
}
