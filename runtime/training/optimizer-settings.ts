// Optimizer settings: the numbers of one AdamW step as the kernel reads them.

import { VitrineError } from "../errors.js";
import { ADAMW_SETTINGS, type AdamWSetting } from "../graph/operations/optimizer.js";
import type { OptimizerStep } from "./contract.js";

/** base^exponent by squaring: the host's power differs in its last bit between engines. */
function power(base: number, exponent: number): number {
  let result = 1;
  for (let factor = base, left = exponent; left > 0; factor *= factor, left = Math.floor(left / 2)) {
    if (left % 2 === 1) result *= factor;
  }
  return result;
}

/** The settings as `adamW` of the graph reads them, float64 [12]. Throws `training/step`. */
export function adamWSettings(step: OptimizerStep): Float64Array {
  if (!Number.isSafeInteger(step.step) || step.step < 1)
    throw new VitrineError("training/step", `optimizer step ${step.step}: steps count from 1`);
  const values: Record<AdamWSetting, number> = {
    learningRate: step.learningRate,
    weightDecay: step.weightDecay,
    beta1: step.beta1,
    beta2: step.beta2,
    epsilon: step.epsilon,
    biasCorrection1: 1 - power(step.beta1, step.step),
    biasCorrection2: 1 - power(step.beta2, step.step),
    gradientScale: 1,
    clipNorm: step.clipNorm,
    emaDecay: step.emaDecay,
    step: step.step,
    momentum: step.momentum ?? 0.9,
  };
  return Float64Array.from(ADAMW_SETTINGS, (setting) => values[setting]);
}
