// Moving average of values that no gradient changes, as adamw.ts averages the weights: batch norm's running statistics.
//
//   average ← d·average + (1 − d)·values
//
// In double, rounded once: a float32 average with d = 0.99996 would lose most of its steps' digits.

import { EMA_DECAY } from "./generated/adamw-settings";

/** Nothing changes where *norm is not finite, as in adamW. */
export function movingAverage(values: usize, average: usize, settings: usize, norm: usize, n: usize): void {
  if (!isFinite(load<f64>(norm))) return;
  const decay = load<f64>(settings + EMA_DECAY);
  for (let i: usize = 0; i < n << 2; i += 4) {
    const kept = decay * <f64>load<f32>(average + i);
    store<f32>(average + i, <f32>(kept + (1.0 - decay) * <f64>load<f32>(values + i)));
  }
}
