// Optimizer settings: the numbers of one AdamW step as the kernel reads them.

import { VitrineError } from "../errors.js";
import { ADAMW_SETTINGS } from "../graph/operations/optimizer.js";
import type { OptimizerStep } from "./contract.js";

/** base^exponent by squaring: the host's power differs in its last bit between engines. */
function power(base: number, exponent: number): number {
  let result = 1;
  for (let factor = base, left = exponent; left > 0; factor *= factor, left = Math.floor(left / 2)) {
    if (left % 2 === 1) result *= factor;
  }
  return result;
}

/** The settings of Opcode.AdamW, float64 [12]; bias corrections are 1 − β^step. */
export function adamWSettings(step: OptimizerStep): Float64Array {
  if (!Number.isSafeInteger(step.step) || step.step < 1)
    throw new VitrineError("training/step", `optimizer step ${step.step}: steps count from 1`);
  const settings = new Float64Array(ADAMW_SETTINGS);
  settings.set([
    step.learningRate,
    step.weightDecay,
    step.beta1,
    step.beta2,
    step.epsilon,
    1 - power(step.beta1, step.step),
    1 - power(step.beta2, step.step),
    1,
    step.clipNorm,
    step.emaDecay,
    step.step,
  ]);
  return settings;
}
