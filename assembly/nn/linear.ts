// Linear layer, forward and both gradients. Weights as PyTorch stores them, [outputs, inputs].
//
//   forward          y [M,N]  = act(x [M,K] · wᵀ + bias) + residual
//   input gradient   dx [M,K] = dy [M,N] · w [N,K]
//   weight gradient  dw [N,K] += dyᵀ · x,  db [N] += Σ rows of dy
//
// 2·M·N·K flops each; bits as in gemm.ts. y and dx overlap no input.

import { addColumnSums } from "./column-sums";
import { residual as addResidual } from "./elementwise";
import { gelu } from "./gelu";
import { A_TRANSPOSED, ACCUMULATE, B_TRANSPOSED, gemm } from "./gemm";
import { Activation } from "./opcodes";

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
  const activated = activation === Activation.Gelu;
  gemm(m, n, k, x, k << 2, weight, k << 2, y, n << 2, B_TRANSPOSED, bias, activated ? 0 : residual);
  if (!activated) return;
  gelu(y, y, m * n);
  if (residual) addResidual(y, residual, 0, y, 1, m * n);
}

export function linearInputGradient(dy: usize, weight: usize, dx: usize, m: usize, k: usize, n: usize): void {
  gemm(m, k, n, dy, n << 2, weight, k << 2, dx, k << 2, 0, 0, 0);
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
  gemm(n, k, m, dy, n << 2, x, k << 2, dWeight, k << 2, A_TRANSPOSED | ACCUMULATE, 0, 0);
  if (dBias) addColumnSums(dy, dBias, m, n);
}
