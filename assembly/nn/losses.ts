// Losses per sample, forward and backward: timm's SoftTargetCrossEntropy (label smoothing is a choice of targets),
// torch's BCEWithLogitsLoss, and the two distillation losses of DeiT's losses.py, for which the teacher's logits are
// constants. The caller takes the mean.
//
//   soft targets  loss [B] = −Σ t·log p, p = softmax(logits)               dLogits = dLoss·(p·Σt − t)
//   binary        loss [B] = 1/C·Σ −t·log σ(z) − (1 − t)·log(1 − σ(z))     dLogits = dLoss/C·(σ(z) − t)
//   hard          loss [B] = −log p[argmax(teacher)]                       dLogits = dLoss·(p − onehot)
//   soft          loss [B] = τ²/C·Σ q·(log q − log p), p = softmax(logits/τ), q = softmax(teacher/τ)
//                                                                          dLogits = dLoss·τ/C·(p − q)
//
// The soft distillation loss is divided by the classes as well as (by the caller's mean) the batch, as in losses.py;
// the paper's equation 2 is C times larger.
//
// Losses touch B·C values per step, thousands against millions elsewhere: scalar code in double costs nothing and
// leaves only the rounding of the inputs. exp and log are AssemblyScript's own, the same bits on every engine.

/** log Σ exp(x/τ) over n values. */
function logSumExp(x: usize, n: usize, tau: f64): f64 {
  let most: f64 = -Infinity;
  for (let i: usize = 0; i < n; i++) most = max<f64>(most, <f64>load<f32>(x + (i << 2)) / tau);
  let sum: f64 = 0;
  for (let i: usize = 0; i < n; i++) sum += NativeMath.exp(<f64>load<f32>(x + (i << 2)) / tau - most);
  return most + NativeMath.log(sum);
}

/** Index of the largest value; of equal ones, the first. */
function argmax(x: usize, n: usize): usize {
  let best: usize = 0;
  for (let i: usize = 1; i < n; i++) {
    if (load<f32>(x + (i << 2)) > load<f32>(x + (best << 2))) best = i;
  }
  return best;
}

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

/** log(1 + e^z), whatever z is. */
function softplus(z: f64): f64 {
  return max<f64>(z, 0) + NativeMath.log1p(NativeMath.exp(-abs<f64>(z)));
}

export function binaryCrossEntropy(
  logits: usize,
  targets: usize,
  loss: usize,
  batch: usize,
  classes: usize,
): void {
  for (let b: usize = 0; b < batch; b++) {
    const row = (b * classes) << 2;
    let sum: f64 = 0;
    for (let c: usize = 0; c < classes; c++) {
      const z = <f64>load<f32>(logits + row + (c << 2));
      sum += softplus(z) - z * <f64>load<f32>(targets + row + (c << 2));
    }
    store<f32>(loss + (b << 2), <f32>(sum / <f64>classes));
  }
}

export function binaryCrossEntropyBackward(
  logits: usize,
  targets: usize,
  dLoss: usize,
  dLogits: usize,
  batch: usize,
  classes: usize,
): void {
  for (let b: usize = 0; b < batch; b++) {
    const row = (b * classes) << 2;
    const factor = <f64>load<f32>(dLoss + (b << 2)) / <f64>classes;
    for (let c: usize = 0; c < classes; c++) {
      const at = row + (c << 2);
      const p = 1.0 / (1.0 + NativeMath.exp(-(<f64>load<f32>(logits + at))));
      store<f32>(dLogits + at, <f32>(factor * (p - <f64>load<f32>(targets + at))));
    }
  }
}

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
