// Loss scale: torch.amp.GradScaler's unscale_ and update, before the optimizer's step instead of after it.
//
// The gradients are multiplied by `scale`. The settings that AdamW reads instead of the step's own undo that with
// gradientScale = 1/scale, and correct the moments' bias for the steps that were applied: torch does not count a
// skipped step either. AdamW skips a step by itself where the norm is not finite.
//
//   finite:     goodSteps ← goodSteps + 1; at `interval` of them scale ← scale·growth, goodSteps ← 0
//   not finite: scale ← scale·backoff, goodSteps ← 0, skipped ← skipped + 1

import {
  BETA1,
  BETA2,
  BIAS_CORRECTION1,
  BIAS_CORRECTION2,
  GRADIENT_SCALE,
  SETTINGS_BYTES,
  STEP,
} from "./generated/adamw-settings";

/** 2^126: the reciprocal of a larger power of two is subnormal in float32. */
const LARGEST_SCALE: f32 = 8.507059173023462e37;

export function updateLossScale(
  settings: usize,
  norm: usize,
  unscaled: usize,
  report: usize,
  scale: usize,
  goodSteps: usize,
  skipped: usize,
  growth: f32,
  backoff: f32,
  interval: f32,
): void {
  const before = load<f32>(scale);
  const steps = max<f64>(1.0, load<f64>(settings + STEP) - <f64>load<f32>(skipped));
  memory.copy(unscaled, settings, SETTINGS_BYTES);
  store<f64>(unscaled + BIAS_CORRECTION1, 1.0 - power(load<f64>(settings + BETA1), <u32>steps));
  store<f64>(unscaled + BIAS_CORRECTION2, 1.0 - power(load<f64>(settings + BETA2), <u32>steps));
  store<f64>(unscaled + GRADIENT_SCALE, 1.0 / <f64>before);
  if (isFinite(load<f64>(norm))) afterGoodStep(scale, goodSteps, growth, interval);
  else {
    store<f32>(scale, before * backoff);
    store<f32>(goodSteps, 0);
    store<f32>(skipped, load<f32>(skipped) + 1);
  }
  store<f32>(report, before);
  store<f32>(report + 4, load<f32>(scale));
  store<f32>(report + 8, load<f32>(goodSteps));
  store<f32>(report + 12, load<f32>(skipped));
}

function afterGoodStep(scale: usize, goodSteps: usize, growth: f32, interval: f32): void {
  const good = load<f32>(goodSteps) + 1;
  store<f32>(goodSteps, good < interval ? good : 0);
  if (good < interval) return;
  const grown = load<f32>(scale) * growth;
  if (grown <= LARGEST_SCALE) store<f32>(scale, grown);
}

/** base^exponent in the order of runtime/training/optimizer-settings.ts, so that the same step has the same bits. */
function power(base: f64, exponent: u32): f64 {
  let result: f64 = 1;
  let factor = base;
  for (let left = exponent; left > 0; left >>= 1) {
    if (left & 1) result *= factor;
    factor *= factor;
  }
  return result;
}
