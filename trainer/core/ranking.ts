// Ranking: how good each epoch of a run is, and which ones are kept.

/** Score of the best checkpoint: validation top-1 (then loss), or without validation the epoch's training loss. */
export interface BestScore {
  epoch: number;
  step: number;
  top1: number | null;
  loss: number;
}

/**
 * By `evalMetric` top1, main.py's rule: the higher top-1, at equal top-1 the lower loss; by `loss`, or without
 * validation data, the lower loss. Of equal ones the earlier is better.
 */
export function isBetter(score: BestScore, than: BestScore, evalMetric: "top1" | "loss"): boolean {
  const byLoss = evalMetric === "loss";
  if (!byLoss && score.top1 !== than.top1) return (score.top1 ?? 0) > (than.top1 ?? 0);
  return score.loss < than.loss;
}

/** Whether the run gained or lost its validation data between the two: they cannot be compared. */
export const areOfOneKind = (a: BestScore, b: BestScore): boolean => (a.top1 === null) === (b.top1 === null);

/** `top` with this epoch, where it is among the `keep` best ones; the best first. With 1, RUN/best has it: none. */
export function withScore(
  top: readonly BestScore[],
  score: BestScore,
  { keep, evalMetric }: { keep: number; evalMetric: "top1" | "loss" },
): BestScore[] {
  if (keep <= 1) return [];
  const others = top.filter((other) => areOfOneKind(other, score) && other.epoch !== score.epoch);
  const place = others.findIndex((other) => isBetter(score, other, evalMetric));
  others.splice(place < 0 ? others.length : place, 0, score);
  return others.slice(0, keep);
}

/** What an epoch's score is worth. */
export interface Rank {
  /** The best so far: RUN/best. */
  isBest: boolean;
  /** Among the best ones that are kept: RUN/top. */
  isTop: boolean;
}
