// Distillation losses (DeiT's losses.py), forward and backward; the teacher's logits are constants.
//
//   hard   loss [B] = −log p[argmax(teacher)]                                dLogits = dLoss·(p − onehot)
//   soft   loss [B] = τ²/C·Σ q·(log q − log p), p = softmax(logits/τ), q = softmax(teacher/τ)
//                                                                            dLogits = dLoss·τ/C·(p − q)
//
// The soft loss is divided by the classes as well as (by the caller's mean) the batch, as losses.py does; the paper's
// equation 2 is C times larger.

import { argmax, logSumExp } from "./log-softmax";

export function hardDistillation(
  logits: usize,
  teacher: usize,
  loss: usize,
  batch: usize,
  classes: usize,
): void {
  for (let b: usize = 0; b < batch; b++) {
    const row = (b * classes) << 2;
    const label = argmax(teacher + row, classes);
    const value = logSumExp(logits + row, classes, 1) - <f64>load<f32>(logits + row + (label << 2));
    store<f32>(loss + (b << 2), <f32>value);
  }
}

export function hardDistillationBackward(
  logits: usize,
  teacher: usize,
  dLoss: usize,
  dLogits: usize,
  batch: usize,
  classes: usize,
): void {
  for (let b: usize = 0; b < batch; b++) {
    const row = (b * classes) << 2;
    const label = argmax(teacher + row, classes);
    const total = logSumExp(logits + row, classes, 1);
    const factor = <f64>load<f32>(dLoss + (b << 2));
    for (let c: usize = 0; c < classes; c++) {
      const at = row + (c << 2);
      const p = NativeMath.exp(<f64>load<f32>(logits + at) - total);
      store<f32>(dLogits + at, <f32>(factor * (c === label ? p - 1 : p)));
    }
  }
}

export function softDistillation(
  logits: usize,
  teacher: usize,
  loss: usize,
  batch: usize,
  classes: usize,
  tau: f64,
): void {
  for (let b: usize = 0; b < batch; b++) {
    const row = (b * classes) << 2;
    const student = logSumExp(logits + row, classes, tau);
    const target = logSumExp(teacher + row, classes, tau);
    let sum: f64 = 0;
    for (let c: usize = 0; c < classes; c++) {
      const logP = <f64>load<f32>(logits + row + (c << 2)) / tau - student;
      const logQ = <f64>load<f32>(teacher + row + (c << 2)) / tau - target;
      sum += NativeMath.exp(logQ) * (logQ - logP);
    }
    store<f32>(loss + (b << 2), <f32>((sum * tau * tau) / <f64>classes));
  }
}

export function softDistillationBackward(
  logits: usize,
  teacher: usize,
  dLoss: usize,
  dLogits: usize,
  batch: usize,
  classes: usize,
  tau: f64,
): void {
  for (let b: usize = 0; b < batch; b++) {
    const row = (b * classes) << 2;
    const student = logSumExp(logits + row, classes, tau);
    const target = logSumExp(teacher + row, classes, tau);
    const factor = (<f64>load<f32>(dLoss + (b << 2)) * tau) / <f64>classes;
    for (let c: usize = 0; c < classes; c++) {
      const at = row + (c << 2);
      const p = NativeMath.exp(<f64>load<f32>(logits + at) / tau - student);
      const q = NativeMath.exp(<f64>load<f32>(teacher + at) / tau - target);
      store<f32>(dLogits + at, <f32>(factor * (p - q)));
    }
  }
}
