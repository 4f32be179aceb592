// Best epoch: whether the epoch that has just ended is the best of its run, or among those that are kept.

import { areOfOneKind, type BestScore, isBetter, type Rank, withScore } from "./ranking.js";
import type { RunState } from "./state.js";
import type { ValidationScores } from "./validation.js";

/**
 * Whether this epoch is the best so far by `isBetter`, and whether it is among the `keep` best. Without validation data,
 * its mean training loss counts. Records it in `state`.
 */
export function takeBest(
  state: RunState,
  epoch: number,
  validation: ValidationScores | null,
  keep = 1,
): Rank {
  const top1 = validation?.weights.top1 ?? null;
  const loss = validation?.weights.loss ?? state.epochLoss.sum / state.epochLoss.steps;
  const { best, settings } = state;
  const score: BestScore = { epoch, step: state.step, top1, loss };
  const isBest = best === null || !areOfOneKind(score, best) || isBetter(score, best, settings.evalMetric);
  if (isBest) state.best = score;
  state.sinceBest = isBest ? 0 : state.sinceBest + 1;
  state.top = withScore(state.top, score, { keep, evalMetric: settings.evalMetric });
  return { isBest, isTop: state.top.includes(score) };
}
