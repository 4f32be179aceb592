// Packed weight: a linear layer's weight in the panels that the product reads, made once for frozen weights.
//
// For each block of k, the panels of all columns contiguously: 4·K·8·⌈N/8⌉ bytes. Packing, which takes a tenth of
// gemm's time in every call with 197 rows, is done once here. The same blocks of k, and the same bits, as in gemm.ts.

import { columnsOfPanel, multiplyBlock, stepsOfPanel } from "./block-product";
import { residual as addResidual } from "./elementwise";
import { gelu } from "./gelu";
import { addRows, columnsPerBlock, rowsPerBlock } from "./gemm";
import { Activation } from "./linear-forms";
import { packColumns } from "./pack";
import { count, cut, cutGrid, first, gridColumn, gridColumns, gridRow, gridRows } from "./partition";

/** The wider panel: threads divide the columns in multiples of it. */
const COLUMN_UNIT: usize = 16;

/** Columns including the padding of the last panel. */
function paddedColumns(n: usize): usize {
  return (n + 7) & ~7;
}

/** weight [N,K] → panels; this thread's part of the columns. */
export function packWeight(weight: usize, panels: usize, k: usize, n: usize): void {
  cut(n, COLUMN_UNIT);
  if (!count) return;
  const padded = paddedColumns(n);
  const steps = stepsOfPanel();
  const from = weight + first * (k << 2);
  for (let k0: usize = 0; k0 < k; k0 += steps) {
    const depth = min(steps, k - k0);
    const to = panels + ((k0 * padded + first * depth) << 2);
    packColumns(from + (k0 << 2), k << 2, to, depth, count, columnsOfPanel());
  }
}

/** y [M,N] = act(x [M,K] · weightᵀ + bias) + residual; this thread's part of it. */
export function linearPacked(
  x: usize,
  panels: usize,
  bias: usize,
  residual: usize,
  y: usize,
  m: usize,
  k: usize,
  n: usize,
  activation: u32,
): void {
  cutGrid(m, n, false);
  if (!gridRows || !gridColumns) return;
  const offset = gridRow * (n << 2);
  const column = gridColumn;
  const columns = gridColumns;
  const plus = residual ? residual + offset : 0;
  const a = x + gridRow * (k << 2);
  rectangle(a, panels, bias, plus, y + offset, gridRows, k, n, column, columns, activation);
}

/** The same for `rows` whole rows, not divided among threads. */
export function linearPackedRows(
  x: usize,
  panels: usize,
  bias: usize,
  residual: usize,
  y: usize,
  rows: usize,
  k: usize,
  n: usize,
  activation: u32,
): void {
  rectangle(x, panels, bias, residual, y, rows, k, n, 0, n, activation);
}

/** Columns `column` … of all rows; x, residual and y begin at the first row. */
function rectangle(
  x: usize,
  panels: usize,
  bias: usize,
  residual: usize,
  y: usize,
  rows: usize,
  k: usize,
  n: usize,
  column: usize,
  columns: usize,
  activation: u32,
): void {
  const row = n << 2;
  const to = y + (column << 2);
  const plus = residual ? residual + (column << 2) : 0;
  const plusBias = bias ? bias + (column << 2) : 0;
  product(x, panels, plusBias, to, rows, k, n, column, columns);
  if (activation === Activation.Gelu) {
    // Whole rows are contiguous: one call for all of them.
    if (columns === n) gelu(to, to, rows * n);
    else for (let i: usize = 0; i < rows; i++) gelu(to + i * row, to + i * row, columns);
  }
  if (!plus) return;
  if (columns === n) addResidual(to, plus, 0, to, 1, rows * n);
  else addRows(plus, to, row, rows, columns);
}

function product(
  x: usize,
  panels: usize,
  bias: usize,
  y: usize,
  m: usize,
  k: usize,
  n: usize,
  column: usize,
  columns: usize,
): void {
  const padded = paddedColumns(n);
  const steps = stepsOfPanel();
  const xStride = k << 2;
  const yStride = n << 2;
  for (let k0: usize = 0; k0 < k; k0 += steps) {
    const depth = min(steps, k - k0);
    const across = columnsPerBlock(depth);
    const down = rowsPerBlock(depth);
    for (let n0: usize = 0; n0 < columns; n0 += across) {
      const width = min(across, columns - n0);
      const panel = panels + ((k0 * padded + (column + n0) * depth) << 2);
      for (let m0: usize = 0; m0 < m; m0 += down) {
        const height = min(down, m - m0);
        const to = y + m0 * yStride + (n0 << 2);
        const a = x + m0 * xStride + (k0 << 2);
        // Later blocks of k continue from the sums of the earlier ones.
        const from = k0 ? to : bias ? bias + (n0 << 2) : 0;
        multiplyBlock(a, xStride, height, width, panel, depth, to, yStride, from, k0 ? yStride : 0);
      }
    }
  }
}
