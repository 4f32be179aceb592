// Summary: what a finished run says of itself, to people and to programs.

import { join } from "node:path";
import { BEST, LAST } from "./checkpoint/save.js";
import type { BestScore } from "./checkpoint/state.js";
import type { TrainingRun } from "./loop.js";
import { RunningMean } from "./running-mean.js";
import type { ValidationScores } from "./validation.js";

export interface SummaryFacts {
  steps: number;
  epochs: number;
  /** Mean over the last steps, above its floor. */
  loss: number;
  validation: ValidationScores | null;
  best: BestScore | null;
  last: string;
  /** Steps left out because a gradient overflowed; null where the loss was not scaled. */
  skippedSteps: number | null;
}

export function summarize({ state, checkpoint }: TrainingRun): { text: string; facts: SummaryFacts } {
  const last = join(checkpoint.folder, LAST);
  const loss = new RunningMean(state.recentLosses).mean();
  const { step: steps, cursor, validation, best } = state;
  const skippedSteps = state.lossScale?.skipped ?? null;
  const leftOut = skippedSteps ? ` (${skippedSteps} of them left out: a gradient overflowed)` : "";
  const text =
    `finished: ${steps} steps${leftOut}, loss ${loss.toFixed(4)}; the model is in ${last}` +
    (best === null ? "" : `, the best one (epoch ${best.epoch + 1}) in ${join(checkpoint.folder, BEST)}`);
  return { text, facts: { steps, epochs: cursor.epoch, loss, validation, best, last, skippedSteps } };
}
