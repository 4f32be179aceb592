// Soft-target cross-entropy (timm's SoftTargetCrossEntropy; label smoothing is a choice of targets), forward and backward.
//
//   forward   loss [B] = −Σ t·log p,  p = softmax(logits)         the caller takes the mean
//   backward  dLogits [B,C] = dLoss[b]·(p·Σt − t)

import { logSumExp } from "./log-softmax";

export function softTargetCrossEntropy(
  logits: usize,
  targets: usize,
  loss: usize,
  batch: usize,
  classes: usize,
): void {
  for (let b: usize = 0; b < batch; b++) {
    const row = (b * classes) << 2;
    const total = logSumExp(logits + row, classes, 1);
    let sum: f64 = 0;
    for (let c: usize = 0; c < classes; c++) {
      const at = row + (c << 2);
      sum += <f64>load<f32>(targets + at) * (total - <f64>load<f32>(logits + at));
    }
    store<f32>(loss + (b << 2), <f32>sum);
  }
}

export function softTargetCrossEntropyBackward(
  logits: usize,
  targets: usize,
  dLoss: usize,
  dLogits: usize,
  batch: usize,
  classes: usize,
): void {
  for (let b: usize = 0; b < batch; b++) {
    const row = (b * classes) << 2;
    const total = logSumExp(logits + row, classes, 1);
    const factor = <f64>load<f32>(dLoss + (b << 2));
    let weight: f64 = 0;
    for (let c: usize = 0; c < classes; c++) weight += <f64>load<f32>(targets + row + (c << 2));
    for (let c: usize = 0; c < classes; c++) {
      const at = row + (c << 2);
      const p = NativeMath.exp(<f64>load<f32>(logits + at) - total);
      store<f32>(dLogits + at, <f32>(factor * (p * weight - <f64>load<f32>(targets + at))));
    }
  }
}
