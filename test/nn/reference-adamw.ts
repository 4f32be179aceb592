// Reference implementation of adamw.ts: torch.optim.AdamW and the moving average in double, with its own state.

import { ADAMW_SETTINGS, type AdamWSetting } from "../../runtime/graph/operations/optimizer.js";

export interface AdamWSettings {
  learningRate: number;
  weightDecay: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  /** Counted from 1. */
  step: number;
  gradientScale: number;
  /** 0 = no clipping. */
  clipNorm: number;
  emaDecay: number;
}

/** The settings as the kernel reads them. */
export function settingsWords(s: AdamWSettings): number[] {
  const values: Partial<Record<AdamWSetting, number>> = {
    ...s,
    biasCorrection1: 1 - s.beta1 ** s.step,
    biasCorrection2: 1 - s.beta2 ** s.step,
  };
  return ADAMW_SETTINGS.map((setting) => values[setting] ?? 0);
}

export interface AdamWState {
  parameters: Float64Array;
  firstMoment: Float64Array;
  secondMoment: Float64Array;
  average: Float64Array;
}

/** One step, in place. `norm` is the L2 norm of the whole gradient before scaling. */
export function referenceAdamW(
  state: AdamWState,
  gradients: ArrayLike<number>,
  norm: number,
  decayed: boolean,
  s: AdamWSettings,
): void {
  const length = norm * Math.abs(s.gradientScale);
  const clip = s.clipNorm > 0 ? Math.min(1, s.clipNorm / (length + 1e-6)) : 1;
  for (let i = 0; i < gradients.length; i++) {
    const g = gradients[i] * s.gradientScale * clip;
    let p = state.parameters[i];
    if (decayed) p *= 1 - s.learningRate * s.weightDecay;
    const m = s.beta1 * state.firstMoment[i] + (1 - s.beta1) * g;
    const v = s.beta2 * state.secondMoment[i] + (1 - s.beta2) * g * g;
    const denominator = Math.sqrt(v) / Math.sqrt(1 - s.beta2 ** s.step) + s.epsilon;
    p -= ((s.learningRate / (1 - s.beta1 ** s.step)) * m) / denominator;
    state.parameters[i] = p;
    state.firstMoment[i] = m;
    state.secondMoment[i] = v;
    state.average[i] = s.emaDecay * state.average[i] + (1 - s.emaDecay) * p;
  }
}
