// Matrix product: blocks for the caches around the products of block-product.ts. Every product of the network
// uses `gemm`: linear layers, their two gradients, attention, and convolutions.
//
// c [m, n] = a [m, k] · b [k, n]. Either factor may be stored transposed; strides are in bytes, so a head inside
// [tokens, 3·heads·size] is a matrix as well. 2·m·n·k flops.
//
// Loops, from outside: a block of k (its panel of B, 8 or 16 columns, stays in the first-level cache), a block of
// columns (all its panels stay in the second), a block of rows of A (second-level too), panels, strips of rows. A is
// read in place, by row pointers; only an A that is stored transposed is transposed back first, since its columns are a
// power of two apart in many models and would compete for a few cache sets. Between blocks of k the sums wait in c, so
// each value of c has one chain of additions in ascending k whatever the block sizes are.

import { columnsOfPanel, multiplyBlock, rowsOfBlock, stepsOfPanel } from "./block-product";
import { assertMatrix } from "./checks";
import { residual as addResidual } from "./elementwise";
import { packColumns, packRows, transpose } from "./pack";
import { PANELS_BYTES, panels, TRANSPOSED_BYTES, transposed } from "./scratch";

/** Steps of k in a block where A is transposed into scratch. */
const K_BLOCK_TRANSPOSED: usize = 256;
/** Padding of transposed rows, so that they are not 1 KiB apart and compete for the same cache sets. */
const TRANSPOSED_PAD: usize = 16;
/** Options of `gemm`, to be combined by or. */
export const PLAIN: u32 = 0; // a [m, k], b [k, n]; c is overwritten
export const A_TRANSPOSED: u32 = 1; // a is stored [k, m]
export const B_TRANSPOSED: u32 = 2; // b is stored [n, k]
export const ACCUMULATE: u32 = 4; // c += a·b

/**
 * c = bias [n] + a·b + residual [m, n], with the stride of c; both may be absent (0). With ACCUMULATE c += a·b, and
 * both must be. c overlaps no input; k may be 0.
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
  const transposeA = (flags & A_TRANSPOSED) !== 0;
  const transposeB = (flags & B_TRANSPOSED) !== 0;
  if (!ASC_NO_ASSERT) {
    assertMatrix(a, aStride, transposeA ? k : m, transposeA ? m : k);
    assertMatrix(b, bStride, transposeB ? n : k, transposeB ? k : n);
    assertMatrix(c, cStride, m, n);
    if (bias) assertMatrix(bias, 0, 1, n);
    if (residual) assertMatrix(residual, cStride, m, n);
  }
  const panelWidth = columnsOfPanel();
  const kBlock = transposeA ? K_BLOCK_TRANSPOSED : stepsOfPanel();
  let k0: usize = 0;
  do {
    const depth = min(kBlock, k - k0);
    const last = k0 + depth === k;
    const accumulate = k0 > 0 || (flags & ACCUMULATE) !== 0;
    const columns = columnsPerBlock(depth);
    const rows = rowsPerBlock(depth);
    for (let n0: usize = 0; n0 < n; n0 += columns) {
      const width = min(columns, n - n0);
      if (!ASC_NO_ASSERT)
        assert(((width + 7) & ~7) * (depth << 2) <= PANELS_BYTES, "panels exceed their scratch");
      if (transposeB) packColumns(b + n0 * bStride + (k0 << 2), bStride, panels(), depth, width, panelWidth);
      else packRows(b + k0 * bStride + (n0 << 2), bStride, panels(), depth, width, panelWidth);
      for (let m0: usize = 0; m0 < m; m0 += rows) {
        const height = min(rows, m - m0);
        let block = a + m0 * aStride + (k0 << 2);
        let stride = aStride;
        if (transposeA) {
          stride = (depth << 2) + TRANSPOSED_PAD;
          if (!ASC_NO_ASSERT)
            assert(height * stride <= TRANSPOSED_BYTES, "a transposed block exceeds its scratch");
          transpose(a + k0 * aStride + (m0 << 2), aStride, transposed(), stride, depth, height);
          block = transposed();
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

/** `gemm` without bias and residual. */
export function gemmPlain(
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
): void {
  gemm(m, n, k, a, aStride, b, bStride, c, cStride, flags, 0, 0);
}

/** Columns whose panels fit PANELS, a multiple of either panel. */
export function columnsPerBlock(depth: usize): usize {
  return (PANELS_BYTES / (max<usize>(depth, 1) << 2)) & ~15;
}

/** Rows of A that fit their part of the cache, a multiple of the strip. */
export function rowsPerBlock(depth: usize): usize {
  const rows = TRANSPOSED_BYTES / ((depth << 2) + TRANSPOSED_PAD);
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
