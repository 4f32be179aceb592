// Ranking: the best epochs of a run, whose models are kept in RUN/top, one folder for each.

import { join } from "node:path";
import { commitFolder, type DurableFiles, recoverFolder } from "./commit-folder.js";

/** Score of the best checkpoint: validation top-1 (then loss), or without validation the epoch's training loss. */
export interface BestScore {
  epoch: number;
  step: number;
  top1: number | null;
  loss: number;
}

/** In RUN. */
const TOP = "top";

/** `epoch-0012`: epochs as printed lines count them, from 1. */
const topName = (epoch: number): string => `epoch-${String(epoch + 1).padStart(4, "0")}`;

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

/** Writes the model of an epoch to RUN/top. The state that names it must be written after it. */
export async function saveTop(
  files: DurableFiles,
  folder: string,
  epoch: number,
  model: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  await files.makeFolder(join(folder, TOP));
  await commitFolder(files, join(folder, TOP), topName(epoch), model);
}

const FOLDER = /^(epoch-\d{4,})(\.next|\.commit|\.old)?$/;

/**
 * Completes what a crash interrupted in RUN/top, and removes the epochs that the saved state does not name. A folder
 * that goes is renamed first: under its own name a model is always whole. Folders with other names stay.
 */
export async function pruneTop(
  files: DurableFiles,
  folder: string,
  top: readonly BestScore[],
): Promise<void> {
  const parent = join(folder, TOP);
  if (!(await files.exists(parent))) return;
  const found = (await files.list(parent)).flatMap((name) => FOLDER.exec(name)?.[1] ?? []);
  const kept = new Set(top.map(({ epoch }) => topName(epoch)));
  for (const name of new Set(found)) {
    await recoverFolder(files, parent, name);
    const old = join(parent, `${name}.old`);
    await files.removeFolder(old);
    if (kept.has(name) || !(await files.exists(join(parent, name)))) continue;
    await files.rename(join(parent, name), old);
    await files.removeFolder(old);
  }
}
