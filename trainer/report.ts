// Configuration: what a run is, printed before its first step, every setting included.

import { join } from "node:path";
import { FIRST_LOSS_SCALE, type LossScale } from "../runtime/training/loss-scale.js";
import { parameterCount } from "../runtime/weights/tensor-map.js";
import { BEST, LAST } from "./checkpoint/save.js";
import type { BestScore } from "./checkpoint/state.js";
import type { TrainingRun } from "./loop.js";
import { TRAINER_OPTIONS } from "./options.js";
import { RunningMean } from "./recent-steps.js";
import { rateOfEpoch } from "./schedule.js";
import type { TrainerSettings } from "./settings.js";
import type { Beginning } from "./starting-point.js";
import type { ValidationScores } from "./validation.js";

/** Flags a line, in the table's order. */
const FLAGS_A_LINE = 6;

function showValue(value: unknown): string {
  return Array.isArray(value) ? value.map((part) => Number(part.toFixed(4))).join(",") : String(value);
}

/** `--lr 0.0005  --min-lr 0.00001 …`: a command line that asks for this run, in lines of a few flags. */
export function settingLines(settings: TrainerSettings): string[] {
  const flags = TRAINER_OPTIONS.flatMap(({ flag, kind, get }) => {
    const value = get(settings);
    if (kind.type === "switch") return !kind.alias && value === kind.sets ? [flag] : [];
    return value === null ? [] : [`${flag} ${showValue(value)}`];
  });
  const lines: string[] = [];
  for (let first = 0; first < flags.length; first += FLAGS_A_LINE)
    lines.push(`  ${flags.slice(first, first + FLAGS_A_LINE).join("  ")}`);
  return lines;
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

/** losses.py trains the class head alone then, and the model answers with the mean of both. */
const UNTRAINED_HEAD =
  "note: without a teacher the distillation head learns nothing, yet it is half of the model's answer; " +
  "give --teacher PATH --distillation hard, or take a model without a distillation token";

const lossScaleLine = ({ scale, skipped }: LossScale): string =>
  `loss scale: ${scale}, moved by torch.amp.GradScaler's rule, ${skipped} steps left out so far`;

/** Lines for people: model, data, schedule, device, and the settings as flags. */
export function describeRun(run: TrainingRun, { config, weights, runtime, resumed }: Beginning): string[] {
  const { state, source, schedule, training } = run;
  const { settings } = state;
  const heads = config.distilled ? "class and distillation head" : "class head";
  const length = settings.steps === null ? `${settings.epochs} epochs` : `${settings.steps} steps`;
  const first = rateOfEpoch(schedule, 0).toExponential(2);
  const where = `epoch ${state.cursor.epoch + 1}, batch ${state.cursor.batch} of it, ${state.step} steps done`;
  return [
    `model: ${config.imageSize}×${config.imageSize} pixels, patch ${config.patchSize}, width ${config.dim}, ` +
      `depth ${config.depth}, ${config.heads} heads, ${config.classes} classes, ${heads}, ` +
      `${parameterCount(weights).toLocaleString("en")} parameters, ${mebibytes(training.bytes)} for training`,
    `data: ${state.data.samples} images, fingerprint ${state.data.fingerprint.slice(0, 12)}…, ` +
      `${source.batchesPerEpoch} batches of ${settings.batchSize} an epoch`,
    `schedule: ${length}, learning rate ${first} in epoch 1, warm-up ${schedule.warmup} epochs to ` +
      `${schedule.lr.toExponential(2)} (${settings.lrScaling} scaling), cosine over ${schedule.length} epochs to ` +
      `${schedule.minLr.toExponential(2)}`,
    `device: ${runtime.description}`,
    ...(training.writeLossScale ? [lossScaleLine(state.lossScale ?? FIRST_LOSS_SCALE)] : []),
    ...(config.distilled && settings.distillation === "none" ? [UNTRAINED_HEAD] : []),
    "settings:",
    ...settingLines(settings),
    ...(resumed ? [`resumed: ${where}`] : []),
  ];
}

// Summary: what a finished run says of itself, to people and to programs.

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
