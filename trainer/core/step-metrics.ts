// Step metrics: what is measured of a step, wherever it is written.

import type { LossScale, LossTerms } from "../../runtime/training/contract.js";
import type { ValidationScores } from "./validation.js";

export interface StepMetrics {
  /** Steps done, this one included. */
  step: number;
  epoch: number;
  batch: number;
  learningRate: number;
  /** The loss that main.py prints. */
  loss: number;
  /** Absent without distillation. */
  terms?: LossTerms | undefined;
  /** Mean of `loss` over the last steps. */
  runningLoss: number;
  /** Lower bound of the loss, see objective.ts. */
  targetEntropy: number;
  /** Before clipping. */
  gradientNorm: number;
  imagesPerSecond: number;
  /** Fraction of the step's time spent waiting for data, 0…1. */
  dataWait: number;
  /** Images of the batch that the data server could not read. */
  skipped: number;
  validation: ValidationScores | null;
  /** After this step; absent where the loss is not scaled. */
  lossScale?: LossScale | undefined;
}
