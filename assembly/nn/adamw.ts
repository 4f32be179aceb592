// AdamW with decoupled decay (torch.optim.AdamW, same order of operations) and the exponential moving average, in one
// pass.
//
//   g' = g·gradientScale·min(1, clipNorm/(|g| + 1e-6))
//   p ← p·(1 − lr·decay);  m ← β1·m + (1 − β1)·g';  v ← β2·v + (1 − β2)·g'²
//   p ← p − lr/bc1·m/(√v/√bc2 + ε);   average ← d·average + (1 − d)·p
//
// lr is learningRate·rateFactor. // Each value goes through double and is rounded once into each array: a float32 average with d = 0.99996 would lose
// most of its steps' digits. Two lanes at a time; 4 arrays in, 4 out, 32 bytes per parameter, one division and one
// root.

import {
  BETA1,
  BETA2,
  BIAS_CORRECTION1,
  BIAS_CORRECTION2,
  EMA_DECAY,
  EPSILON,
  LEARNING_RATE,
  WEIGHT_DECAY,
} from "./generated/adamw-settings";
import { gradientFactor } from "./gradient-factor";

export function adamW(
  parameters: usize,
  gradients: usize,
  firstMoment: usize,
  secondMoment: usize,
  average: usize,
  settings: usize,
  norm: usize,
  n: usize,
  decayed: u32,
  rateFactor: f64,
): void {
  if (norm && !isFinite(load<f64>(norm))) return;
  const rate = load<f64>(settings + LEARNING_RATE) * rateFactor;
  const keep = f64x2.splat(decayed ? 1.0 - rate * load<f64>(settings + WEIGHT_DECAY) : 1.0);
  const scale = f64x2.splat(gradientFactor(settings, norm));
  const beta1 = f64x2.splat(load<f64>(settings + BETA1));
  const beta2 = f64x2.splat(load<f64>(settings + BETA2));
  const rest1 = f64x2.splat(1.0 - load<f64>(settings + BETA1));
  const rest2 = f64x2.splat(1.0 - load<f64>(settings + BETA2));
  const perRootBc2 = f64x2.splat(1.0 / sqrt<f64>(load<f64>(settings + BIAS_CORRECTION2)));
  const epsilon = f64x2.splat(load<f64>(settings + EPSILON));
  const step = f64x2.splat(rate / load<f64>(settings + BIAS_CORRECTION1));
  const emaKeep = f64x2.splat(load<f64>(settings + EMA_DECAY));
  const emaRest = f64x2.splat(1.0 - load<f64>(settings + EMA_DECAY));
  const bytes = n << 2;
  for (let i: usize = 0; i < bytes; i += 8) {
    const both = i + 8 <= bytes;
    const g = f64x2.mul(Pair.read(gradients + i, both), scale);
    const m = f64x2.add(f64x2.mul(beta1, Pair.read(firstMoment + i, both)), f64x2.mul(rest1, g));
    const v = f64x2.add(
      f64x2.mul(beta2, Pair.read(secondMoment + i, both)),
      f64x2.mul(f64x2.mul(rest2, g), g),
    );
    const denominator = f64x2.add(f64x2.mul(f64x2.sqrt(v), perRootBc2), epsilon);
    const shrunk = f64x2.mul(Pair.read(parameters + i, both), keep);
    const p = f64x2.sub(shrunk, f64x2.div(f64x2.mul(step, m), denominator));
    Pair.write(firstMoment + i, m, both);
    Pair.write(secondMoment + i, v, both);
    Pair.write(parameters + i, p, both);
    if (average) {
      const kept = f64x2.mul(emaKeep, Pair.read(average + i, both));
      Pair.write(average + i, f64x2.add(kept, f64x2.mul(emaRest, p)), both);
    }
  }
}

/** One or two float32 as doubles. */
class Pair {
  @inline
  static read(pointer: usize, both: bool): v128 {
    return f64x2.promote_low_f32x4(both ? v128.load64_zero(pointer) : v128.load32_zero(pointer));
  }

  @inline
  static write(pointer: usize, value: v128, both: bool): void {
    const rounded = f32x4.demote_f64x2_zero(value);
    if (both) v128.store64_lane(pointer, rounded, 0);
    else v128.store32_lane(pointer, rounded, 0);
  }
}
