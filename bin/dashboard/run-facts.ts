// Run facts: what a run's state says about it, in the words of the dashboard, live or not.

import { join } from "node:path";
import type { BestEpoch, RunCheckpoint, RunScores, RunSetting } from "../../proto/dashboard.js";
import { counted } from "../../runtime/batches/class-counts.js";
import { BEST, LAST } from "../../trainer/checkpoint/run-folders.js";
import { topFolder } from "../../trainer/checkpoint/top-models.js";
import type { RunState } from "../../trainer/core/state.js";
import { shownSettings } from "../report/configuration.js";
import { percent, shownPath } from "../report/names.js";

type Fact = readonly [name: string, value: string];

/** The longest list of classes that is spelled out. */
const MOST_CLASSES = 12;

function classText(labels: readonly string[]): string {
  const names = labels.slice(0, MOST_CLASSES).map((name, index) => name || `class ${index}`);
  const more = labels.length - names.length;
  return `${labels.length}: ${names.join(", ")}${more > 0 ? `, … ${more} more` : ""}`;
}

/** `model`: its description, or what was asked for. */
export function runFacts(
  folder: string,
  state: RunState,
  model: string | null,
  labels: readonly string[],
): Fact[] {
  const { settings, data, validationPath, teacher, gpuTier, device } = state;
  return [
    ["Folder", shownPath(folder)],
    ...(model === null ? [] : [["Model", model] as Fact]),
    ["Device", gpuTier === null ? device : `${device}, tier ${gpuTier}`],
    ["Recipe", settings.recipeName],
    ["Batch", counted(settings.batchSize, "image", "images")],
    ["Training data", counted(data.samples, "image", "images")],
    ...(labels.length > 0 ? [["Classes", classText(labels)] as Fact] : []),
    ["Validation data", validationPath === null ? "none" : shownPath(validationPath)],
    ...(teacher
      ? [["Teacher", `SHA-256 ${teacher.sha256.slice(0, 12)}, ${settings.distillation}`] as Fact]
      : []),
  ];
}

export const runSettings = ({ settings }: RunState): RunSetting[] => shownSettings(settings);

export function bestOf({ best }: RunState): BestEpoch | null {
  return best && { epoch: best.epoch, top1: best.top1, loss: best.loss };
}

/** `step`: the one after which the run was validated last. */
export function scoresOf({ validation }: RunState, step: number): RunScores | null {
  if (!validation) return null;
  const { images, weights, ema } = validation;
  return { step, images, weights, ema };
}

const scoreText = ({ epoch, top1, loss }: BestEpoch): string =>
  `epoch ${epoch + 1}, ${top1 === null ? `training loss ${loss.toFixed(4)}` : `top-1 ${percent(top1, 2)}`}`;

/** `saved`: the step that RUN/last holds. */
export function checkpointsOf(folder: string, { best, top }: RunState, saved: number): RunCheckpoint[] {
  const at = (name: string): string => shownPath(join(folder, name));
  return [
    { folder: at(LAST), step: saved, what: "the latest, from which the run continues" },
    ...(best ? [{ folder: at(BEST), step: best.step, what: `the best: ${scoreText(best)}` }] : []),
    ...top.map((score) => ({
      folder: at(topFolder(score.epoch)),
      step: score.step,
      what: scoreText(score),
    })),
  ];
}
