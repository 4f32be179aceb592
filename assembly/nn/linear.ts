// Linear layer, forward and both gradients. Weights as PyTorch stores them, [outputs, inputs].
//
//   forward          y [M,N]  = act(x [M,K] · wᵀ + bias) + residual
//   input gradient   dx [M,K] = dy [M,N] · w [N,K]
//   weight gradient  dw [N,K] += dyᵀ · x,  db [N] += Σ rows of dy
//
// 2·M·N·K flops each; bits as in gemm.ts. y and dx overlap no input. Each computes this thread's part of the result: a
// rectangle (partition.ts).

import { addSumsOfColumns } from "./column-sums";
import { residual as addResidual } from "./elementwise";
import { gelu } from "./gelu";
import { A_TRANSPOSED, ACCUMULATE, B_TRANSPOSED, gemm, gemmPlain, PLAIN } from "./gemm";
import { Activation } from "./linear-forms";
import { count, cut, cutGrid, first, gridColumn, gridColumns, gridRow, gridRows } from "./partition";

/** The unit in which a bias gradient is divided, in columns: a cache line. */
const LINE: usize = 16;

export function linear(
  x: usize,
  weight: usize,
  bias: usize,
  residual: usize,
  y: usize,
  m: usize,
  k: usize,
  n: usize,
  activation: u32,
): void {
  cutGrid(m, n, false);
  const rows = gridRows;
  const columns = gridColumns;
  if (!rows || !columns) return;
  const row = n << 2;
  const offset = gridRow * row + (gridColumn << 2);
  const a = x + gridRow * (k << 2);
  const b = weight + gridColumn * (k << 2);
  const to = y + offset;
  const plusBias = bias ? bias + (gridColumn << 2) : 0;
  const plus = residual ? residual + offset : 0;
  const activated = activation === Activation.Gelu;
  gemm(rows, columns, k, a, k << 2, b, k << 2, to, row, B_TRANSPOSED, plusBias, activated ? 0 : plus);
  if (!activated) return;
  // Whole rows are contiguous: one call for all of them.
  const calls = columns === n ? <usize>1 : rows;
  const length = columns === n ? rows * n : columns;
  for (let i: usize = 0; i < calls; i++) {
    const at = i * row;
    gelu(to + at, to + at, length);
    if (plus) addResidual(to + at, plus + at, 0, to + at, 1, length);
  }
}

export function linearInputGradient(dy: usize, weight: usize, dx: usize, m: usize, k: usize, n: usize): void {
  cutGrid(m, k, false);
  if (!gridRows || !gridColumns) return;
  const columns = gridColumn << 2;
  const a = dy + gridRow * (n << 2);
  const to = dx + gridRow * (k << 2) + columns;
  gemmPlain(gridRows, gridColumns, n, a, n << 2, weight + columns, k << 2, to, k << 2, PLAIN);
}

export function linearWeightGradient(
  dy: usize,
  x: usize,
  dWeight: usize,
  dBias: usize,
  m: usize,
  k: usize,
  n: usize,
): void {
  cutGrid(n, k, true);
  if (gridRows && gridColumns) {
    const columns = gridColumn << 2;
    const a = dy + (gridRow << 2);
    const to = dWeight + gridRow * (k << 2) + columns;
    const flags = A_TRANSPOSED | ACCUMULATE;
    gemmPlain(gridRows, gridColumns, m, a, n << 2, x + columns, k << 2, to, k << 2, flags);
  }
  if (!dBias) return;
  cut(n, LINE);
  addSumsOfColumns(dy + (first << 2), dBias + (first << 2), m, count, n);
}
