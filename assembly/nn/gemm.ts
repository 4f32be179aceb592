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

/** Rows of a register block: 8 sums + 2 of b fit 16 registers as 4×8; fused multiply-add needs no product register. */
const STRIP: usize = isDefined(RELAXED) ? 6 : 4;
/** Steps of k in a block: a panel of 24 KiB leaves room for A in a first-level cache of 32 KiB. */
const K_BLOCK: usize = 768;
/** The same where A is transposed into scratch. */
const K_BLOCK_TRANSPOSED: usize = 256;
/** Bytes of packed B, half of a second-level cache of 1 MiB. */
const PANELS_BYTES: usize = 512 * 1024;
/** Bytes of A that stay in the second-level cache beside the panels. */
const A_BLOCK_BYTES: usize = 192 * 1024;

// The module's own memory, below heapBase(): packed B, transposed A, one partial tile.
const PANELS: usize = memory.data(512 * 1024, 64);
const TURNED: usize = memory.data(192 * 1024, 64);
const TILE: usize = memory.data(8 * 32, 64);

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
      if (turnB) packColumns(b + n0 * bStride + (k0 << 2), bStride, PANELS, depth, width);
      else packRows(b + k0 * bStride + (n0 << 2), bStride, PANELS, depth, width);
      for (let m0: usize = 0; m0 < m; m0 += rows) {
        const height = min(rows, m - m0);
        let block = a + m0 * aStride + (k0 << 2);
        let stride = aStride;
        if (turnA) {
          transpose(a + k0 * aStride + (m0 << 2), aStride, TURNED, depth << 2, depth, height);
          block = TURNED;
          stride = depth << 2;
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
  const rows = A_BLOCK_BYTES / (max<usize>(depth, 1) << 2);
  return rows - (rows % STRIP);
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
  const whole = height - (height % STRIP);
  let panel = PANELS;
  for (let column: usize = 0; column < width; column += 8) {
    const at = c + (column << 2);
    const biasAt = bias ? bias + (column << 2) : 0;
    const residualAt = residual ? residual + (column << 2) : 0;
    if (column + 8 <= width) {
      let row: usize = 0;
      for (; row < whole; row += STRIP) {
        const offset = row * cStride;
        const from = a + row * aStride;
        const plus = residualAt ? residualAt + offset : 0;
        if (isDefined(RELAXED))
          rows6(from, aStride, panel, k, at + offset, cStride, biasAt, plus, accumulate);
        else rows4(from, aStride, panel, k, at + offset, cStride, biasAt, plus, accumulate);
      }
      if (row < height) {
        const offset = row * cStride;
        const plus = residualAt ? residualAt + offset : 0;
        strip(
          height - row,
          a + row * aStride,
          aStride,
          panel,
          k,
          at + offset,
          cStride,
          biasAt,
          plus,
          accumulate,
        );
      }
    } else {
      for (let row: usize = 0; row < height; row += STRIP) {
        const offset = row * cStride;
        const plus = residualAt ? residualAt + offset : 0;
        const rows = min(STRIP, height - row);
        const from = a + row * aStride;
        partialTile(
          rows,
          width - column,
          from,
          aStride,
          panel,
          k,
          at + offset,
          cStride,
          biasAt,
          plus,
          accumulate,
        );
      }
    }
    panel += k << 5;
  }
}

/** One strip of 1 to STRIP rows. */
function strip(
  rows: usize,
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
  if (rows === 1) rows1(a, aStride, panel, k, c, cStride, bias, residual, accumulate);
  else if (rows === 2) rows2(a, aStride, panel, k, c, cStride, bias, residual, accumulate);
  else if (rows === 3) rows3(a, aStride, panel, k, c, cStride, bias, residual, accumulate);
  else if (rows === 4) rows4(a, aStride, panel, k, c, cStride, bias, residual, accumulate);
  else if (isDefined(RELAXED)) {
    if (rows === 5) rows5(a, aStride, panel, k, c, cStride, bias, residual, accumulate);
    else rows6(a, aStride, panel, k, c, cStride, bias, residual, accumulate);
  }
}

/** A strip of fewer than 8 columns: computed whole in TILE, then copied with bias and residual. */
function partialTile(
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
  if (accumulate) {
    for (let i: usize = 0; i < rows; i++) memory.copy(TILE + (i << 5), c + i * cStride, columns << 2);
  }
  strip(rows, a, aStride, panel, k, TILE, 32, 0, 0, accumulate);
  for (let i: usize = 0; i < rows; i++) {
    const offset = i * cStride;
    for (let j: usize = 0; j < columns; j++) {
      let value = load<f32>(TILE + (i << 5) + (j << 2));
      if (bias) value += load<f32>(bias + (j << 2));
      if (residual) value += load<f32>(residual + offset + (j << 2));
      store<f32>(c + offset + (j << 2), value);
    }
  }
}
