// Matrix product: blocks for the caches around the products of block-product.ts. Every product of the network
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

import { columnsOfPanel, multiplyBlock, rowsOfBlock, stepsOfPanel } from "./block-product";
import { residual as addResidual } from "./elementwise";
import { packColumns, packRows, transpose } from "./pack";
import { PANELS_BYTES, panels, TURNED_BYTES, turned } from "./scratch";

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
  const panelWidth = columnsOfPanel();
  const kBlock = turnA ? K_BLOCK_TRANSPOSED : stepsOfPanel();
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
        multiplyBlock(block, stride, height, width, panels(), depth, to, cStride, from, fromStride);
        if (last && residual) addRows(residual + offset, to, cStride, height, width);
      }
    }
    k0 += depth;
  } while (k0 < k);
}

/** Columns whose panels fit PANELS, a multiple of either panel. */
export function columnsPerBlock(depth: usize): usize {
  return (PANELS_BYTES / (max<usize>(depth, 1) << 2)) & ~15;
}

/** Rows of A that fit their share of the cache (and TURNED), a multiple of the strip. */
export function rowsPerBlock(depth: usize): usize {
  const rows = TURNED_BYTES / ((depth << 2) + TURNED_PAD);
  return rows - (rows % rowsOfBlock());
}

/** c [rows, columns] += x, both with the same stride. */
export function addRows(x: usize, c: usize, stride: usize, rows: usize, columns: usize): void {
  for (let i: usize = 0; i < rows; i++) {
    addResidual(x, c, 0, c, 1, columns);
    x += stride;
    c += stride;
  }
}
