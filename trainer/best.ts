// Best: which end of an epoch RUN/best keeps.

import type { RunState } from "./checkpoint/state.js";
import type { ValidationScores } from "./validation.js";

/**
 * Remembers the best end of an epoch and says whether this is it: main.py's rule, top-1 of the raw weights, equal ones
 * by the lower loss. Without validation data the epoch's mean training loss decides.
 */
export function takeBest(state: RunState, epoch: number, validation: ValidationScores | null): boolean {
  const top1 = validation?.weights.top1 ?? null;
  const loss = validation?.weights.loss ?? state.epochLoss.sum / state.epochLoss.steps;
  const { best } = state;
  const better =
    best === null ||
    // The run got, or lost, its validation data when it was resumed: the two scores cannot be compared.
    (best.top1 === null) !== (top1 === null) ||
    (top1 ?? 0) > (best.top1 ?? 0) ||
    (top1 === best.top1 && loss < best.loss);
  if (better) state.best = { epoch, step: state.step, top1, loss };
  return better;
}
