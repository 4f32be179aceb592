// Optimizer: AdamW's settings for one step. Which tensors decay is the training program's to know.

import type { OptimizerStep } from "../runtime/training/contract.js";
import type { TrainerSettings } from "./settings.js";

/** torch.optim.AdamW's defaults, which DeiT keeps. */
const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** `step` counts from 1: the bias corrections are 1 − β^step. */
export function optimizerStep(settings: TrainerSettings, learningRate: number, step: number): OptimizerStep {
  return {
    learningRate,
    weightDecay: settings.weightDecay,
    ...ADAM,
    step,
    clipNorm: settings.clipGrad,
    emaDecay: settings.emaDecay,
  };
}
