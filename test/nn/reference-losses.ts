// Reference implementations of the losses in double, one row at a time; their gradients are checked by finite
// differences instead.

import { referenceLogSoftmax } from "./reference-softmax.js";

type Values = ArrayLike<number>;

/** −Σ t·log p */
export function referenceSoftTargetCrossEntropy(logits: Values, targets: Values): number {
  return referenceLogSoftmax(logits).reduce((sum, logP, c) => sum - targets[c] * logP, 0);
}

/** 1/C·Σ −t·log σ(z) − (1 − t)·log(1 − σ(z)), by −log σ(z) = log(1 + e^−z) */
export function referenceBinaryCrossEntropy(logits: Values, targets: Values): number {
  const negativeLog = (z: number): number => (z > 0 ? Math.log1p(Math.exp(-z)) : Math.log1p(Math.exp(z)) - z);
  const sum = Array.from(logits).reduce(
    (total, z, c) => total + targets[c] * negativeLog(z) + (1 - targets[c]) * negativeLog(-z),
    0,
  );
  return sum / logits.length;
}

/** −log p[argmax(teacher)] */
export function referenceHardDistillation(logits: Values, teacher: Values): number {
  const label = Array.from(teacher).indexOf(Math.max(...Array.from(teacher)));
  return -(referenceLogSoftmax(logits)[label] as number);
}

/** τ²/C·Σ q·(log q − log p) */
export function referenceSoftDistillation(logits: Values, teacher: Values, tau: number): number {
  const logP = referenceLogSoftmax(logits, 1 / tau);
  const logQ = referenceLogSoftmax(teacher, 1 / tau);
  const sum = logQ.reduce((total, q, c) => total + Math.exp(q) * (q - logP[c]), 0);
  return (tau * tau * sum) / logP.length;
}

/** Slope of a function of a row at each of its values, by central differences of fourth order. */
export function numericalGradient(loss: (logits: number[]) => number, logits: Values): number[] {
  const h = 1e-3;
  return Array.from(logits, (_, i) => {
    const at = (step: number) => {
      const moved = Array.from(logits);
      moved[i] = moved[i] + step;
      return loss(moved);
    };
    return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
  });
}
