// Reference implementations of sgd.ts and lamb.ts in double, as torch.optim.SGD and timm's Lamb write them.

import type { AdamWSettings } from "./reference-adamw.js";

export interface OptimizerState {
  parameters: Float64Array;
  firstMoment: Float64Array;
  secondMoment: Float64Array;
}

export function stateOf(parameters: ArrayLike<number>): OptimizerState {
  const zeros = () => new Float64Array(parameters.length);
  return { parameters: Float64Array.from(parameters), firstMoment: zeros(), secondMoment: zeros() };
}

/** The tensor that steps, and what depends on it. */
export interface TensorStep {
  decayed: boolean;
  rateFactor: number;
  /** L2 norm of the whole gradient, all tensors together. */
  norm: number;
}

const clipFactor = (norm: number, clip: number): number => (clip > 0 ? Math.min(1, clip / (norm + 1e-6)) : 1);

/** torch.optim.SGD(momentum, nesterov=True): d_p += decay·p; buf = momentum·buf + d_p; p −= lr·(d_p + momentum·buf). */
export function referenceSgd(
  state: OptimizerState,
  gradients: ArrayLike<number>,
  { decayed, rateFactor, norm }: TensorStep,
  s: AdamWSettings & { momentum: number },
): void {
  const clip = clipFactor(norm, s.clipNorm);
  for (let i = 0; i < gradients.length; i++) {
    const step = gradients[i] * clip + (decayed ? s.weightDecay * state.parameters[i] : 0);
    state.firstMoment[i] = s.momentum * state.firstMoment[i] + step;
    state.parameters[i] -= s.learningRate * rateFactor * (step + s.momentum * state.firstMoment[i]);
  }
}

/** timm.optim.Lamb with its defaults: bias correction, gradient averaging, max_grad_norm 1, no trust clipping. */
export function referenceLamb(
  state: OptimizerState,
  gradients: ArrayLike<number>,
  { decayed, rateFactor, norm }: TensorStep,
  s: AdamWSettings,
): void {
  const clipped = clipFactor(norm, s.clipNorm);
  const factor = clipped / Math.max(1, norm * clipped);
  const decay = decayed ? s.weightDecay : 0;
  const update = Array.from(gradients, (gradient, i) => {
    const g = gradient * factor;
    state.firstMoment[i] = s.beta1 * state.firstMoment[i] + (1 - s.beta1) * g;
    state.secondMoment[i] = s.beta2 * state.secondMoment[i] + (1 - s.beta2) * g * g;
    const root = Math.sqrt(state.secondMoment[i]) / Math.sqrt(1 - s.beta2 ** s.step) + s.epsilon;
    return state.firstMoment[i] / (1 - s.beta1 ** s.step) / root + decay * state.parameters[i];
  });
  const [weight, length] = [Math.hypot(...state.parameters), Math.hypot(...update)];
  const trust = decay !== 0 && weight > 0 && length > 0 ? weight / length : 1;
  for (const [i, u] of update.entries()) state.parameters[i] -= s.learningRate * rateFactor * trust * u;
}
