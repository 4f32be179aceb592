// LAMB (arXiv 1904.00962) as timm's Lamb and apex's FusedLAMB, in two passes, between which the norms of each tensor
// are summed.
//
//   g' = g·gradientScale·clip/max(1, |g·gradientScale·clip|)
//   m ← β1·m + (1 − β1)·g';  v ← β2·v + (1 − β2)·g'²
//   u = m/bc1/(√v/√bc2 + ε) + decay·p                     lambDirection: u replaces the gradient
//   p ← p − lr·(|p|/|u|)·u                                lambStep
//
// The trust ratio |p|/|u| is 1 where either norm is 0, and for tensors without weight decay, which get no norms. Each
// value goes through double and is rounded once into each array. lr is learningRate·rateFactor.

import {
  BETA1,
  BETA2,
  BIAS_CORRECTION1,
  BIAS_CORRECTION2,
  EPSILON,
  LEARNING_RATE,
  WEIGHT_DECAY,
} from "./generated/adamw-settings";
import { gradientFactor } from "./gradient-factor";

export function lambDirection(
  parameters: usize,
  gradients: usize,
  firstMoment: usize,
  secondMoment: usize,
  settings: usize,
  norm: usize,
  n: usize,
  decayed: u32,
): void {
  if (!isFinite(load<f64>(norm))) return;
  const decay = decayed ? load<f64>(settings + WEIGHT_DECAY) : 0.0;
  const clipped = gradientFactor(settings, norm);
  const scale = clipped / max<f64>(1.0, sqrt<f64>(load<f64>(norm)) * abs<f64>(clipped));
  const beta1 = load<f64>(settings + BETA1);
  const beta2 = load<f64>(settings + BETA2);
  const perBc1 = 1.0 / load<f64>(settings + BIAS_CORRECTION1);
  const perRootBc2 = 1.0 / sqrt<f64>(load<f64>(settings + BIAS_CORRECTION2));
  const epsilon = load<f64>(settings + EPSILON);
  for (let i: usize = 0; i < n << 2; i += 4) {
    const g = <f64>load<f32>(gradients + i) * scale;
    const m = beta1 * <f64>load<f32>(firstMoment + i) + (1.0 - beta1) * g;
    const v = beta2 * <f64>load<f32>(secondMoment + i) + (1.0 - beta2) * g * g;
    const u = (m * perBc1) / (sqrt<f64>(v) * perRootBc2 + epsilon) + decay * <f64>load<f32>(parameters + i);
    store<f32>(firstMoment + i, <f32>m);
    store<f32>(secondMoment + i, <f32>v);
    store<f32>(gradients + i, <f32>u);
  }
}

export function lambStep(
  parameters: usize,
  direction: usize,
  settings: usize,
  norm: usize,
  parameterSquares: usize,
  directionSquares: usize,
  n: usize,
  rateFactor: f64,
): void {
  if (!isFinite(load<f64>(norm))) return;
  let rate = load<f64>(settings + LEARNING_RATE) * rateFactor;
  if (parameterSquares && load<f64>(settings + WEIGHT_DECAY) !== 0) {
    const squares = load<f64>(parameterSquares);
    const length = load<f64>(directionSquares);
    if (squares > 0 && length > 0) rate *= sqrt<f64>(squares) / sqrt<f64>(length);
  }
  for (let i: usize = 0; i < n << 2; i += 4) {
    const p = <f64>load<f32>(parameters + i) - rate * <f64>load<f32>(direction + i);
    store<f32>(parameters + i, <f32>p);
  }
}
