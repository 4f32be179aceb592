// Report: what a run prints about itself, before its first step (model, data, schedule, device, every setting) and
// after its last one.

import { join } from "node:path";
import { classWarnings, counted, describeClasses } from "../runtime/batches/class-counts.js";
import { imagesPerEpoch } from "../runtime/draw/order.js";
import { quote } from "../runtime/errors.js";
import { familyOf, isDistilled, type ModelConfig } from "../runtime/models/families.js";
import type { LossScale } from "../runtime/training/contract.js";
import { FIRST_LOSS_SCALE } from "../runtime/training/loss-scale.js";
import { parameterCount, type TensorMap } from "../runtime/weights/tensor-map.js";
import { BEST, LAST } from "./checkpoint/run-folders.js";
import { changedFlags } from "./core/changed-flags.js";
import { frozenNames } from "./core/frozen.js";
import type { BestScore } from "./core/ranking.js";
import { RunningMean } from "./core/recent-steps.js";
import { RECIPES } from "./core/recipes.js";
import type { TrainingRun } from "./core/run.js";
import { averageWindow, describeDecay, rateOfEpoch, scheduleWarnings } from "./core/schedule.js";
import type { TrainerSettings } from "./core/settings.js";
import type { ValidationScores } from "./core/validation.js";
import { wrap } from "./lines.js";
import { CONFIG_FILE } from "./run-config.js";

/** A run that a folder keeps. */
type ReportedRun = TrainingRun & { checkpoint: { folder: string } };

const sentence = (label: string, text: string): string[] => wrap(label.padEnd(10), text.split(" "));

/** The recipe, and in flags what differs from it; `configPath` has every setting. */
export function settingLines(settings: TrainerSettings, configPath: string): string[] {
  const { purpose } = RECIPES[settings.recipeName];
  const changed = changedFlags(settings);
  return [
    ...sentence("recipe", `${settings.recipeName}: ${purpose}`),
    ...wrap("changed   ", changed.length > 0 ? changed : ["nothing"], "  "),
    ...sentence("settings", `all in ${quote(configPath)}`),
  ];
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

/** losses.py trains only the class head then, and the model answers with the mean of both. */
const UNTRAINED_HEAD =
  "without a teacher the distillation head is not trained, yet it contributes half of the model's output; " +
  "add --teacher PATH --distillation hard, or choose a model without a distillation token";

/** The one head learns both, as the paper's rows without the token in Table 3. */
const ONE_HEAD =
  "the model has no distillation token: its class head learns from the labels and from the teacher; a ..._distilled_... " +
  "model has a head of its own for the teacher";

function headNote(config: ModelConfig, { distillation }: TrainerSettings): string[] {
  const isDistilledRun = distillation !== "none";
  if (isDistilled(config) === isDistilledRun) return [];
  return sentence("note", isDistilledRun ? ONE_HEAD : UNTRAINED_HEAD);
}

/** `, 10 more at the final rate`. */
const coolDown = ({ cooldownEpochs }: TrainerSettings): string =>
  cooldownEpochs === 0 ? "" : `, ${cooldownEpochs} more at the final rate`;

const lossScaleText = ({ scale, skipped }: LossScale): string =>
  `the loss is scaled by ${scale}, adjusted by torch.amp.GradScaler's rule, ${counted(skipped, "step", "steps")} skipped so far`;

/** A recipe of a short training from pretrained weights, on random ones. */
export function recipeWarning({ recipeName, init }: TrainerSettings): string[] {
  if (init !== null || !recipeName.startsWith("finetune")) return [];
  const text =
    `recipe ${recipeName} is for a training that starts from --init; this one starts from random weights, for which ` +
    "its rate and length are too small: give --init, or --recipe deit";
  return sentence("warning", text);
}

/** `frozen: 1,234 of 5,678 parameters stay as they are`; nothing where none does. */
function frozenLine(weights: TensorMap, settings: TrainerSettings): string[] {
  const frozen = new Set(frozenNames([...weights.keys()], settings));
  if (frozen.size === 0) return [];
  const total = parameterCount(weights);
  const count = parameterCount(new Map([...weights].filter(([name]) => frozen.has(name))));
  const numbers = `${count.toLocaleString("en")} of ${total.toLocaleString("en")} parameters`;
  return sentence("frozen", `${numbers} in ${counted(frozen.size, "tensor", "tensors")} stay as they are`);
}

function averageText({ emaDecay, emaWarmup }: TrainerSettings): string {
  const window = `about the last ${counted(averageWindow(emaDecay), "step", "steps")}`;
  return `decay ${emaDecay}, that is, ${window}${emaWarmup ? ", fewer at first (warm-up)" : ""}`;
}

/** What the report needs beside the run. */
export interface RunFacts {
  config: ModelConfig;
  weights: TensorMap;
  /** One line: the device, and why where `auto` chose it. */
  device: string;
  /** One line; absent where the settings say everything about it. */
  teacher?: string | null | undefined;
  resumed: boolean;
}

/** Which images are in no batch of an epoch; nothing where all are in one. */
export function leftOut(samples: number, { batchSize, recipe: { repeats } }: TrainerSettings): string {
  const seen = imagesPerEpoch(samples, batchSize, repeats);
  const left = samples - seen;
  if (left <= 0) return "";
  const each = "others in each epoch";
  if (repeats > 1)
    return `; of the ${counted(samples, "image", "images")} an epoch has ${seen.toLocaleString("en")}, ${repeats} times each, ${each}`;
  return `; ${counted(left, "image is", "images are")} not seen in an epoch, ${each}`;
}

/** Lines of at most 80 columns, unless a single word is longer. */
export function describeRun(
  run: ReportedRun,
  { config, weights, device, teacher, resumed }: RunFacts,
): string[] {
  const { state, source, schedule, training } = run;
  const { settings } = state;
  const { description } = source;
  const batches = counted(source.batchesPerEpoch, "batch", "batches");
  const heads = isDistilled(config) ? "class and distillation heads" : "class head";
  const length =
    settings.steps === null
      ? counted(settings.epochs ?? 0, "epoch", "epochs") + coolDown(settings)
      : counted(settings.steps, "step", "steps");
  const first = rateOfEpoch(schedule, 0).toExponential(2);
  return [
    ...sentence(
      "model",
      `${config.imageSize}×${config.imageSize} pixels, ${familyOf(config).describe(config)}, ` +
        `${counted(config.classes, "class", "classes")}, ${heads}, ` +
        `${parameterCount(weights).toLocaleString("en")} parameters, ${mebibytes(training.bytes)} for training`,
    ),
    ...sentence(
      "data",
      `${counted(state.data.samples, "image", "images")}, fingerprint ${state.data.fingerprint.slice(0, 12)}…, ` +
        `${batches} of ${settings.batchSize} per epoch${leftOut(state.data.samples, settings)}`,
    ),
    ...sentence("classes", describeClasses(description)),
    ...classWarnings(description).flatMap((warning) => sentence("warning", warning)),
    ...sentence(
      "schedule",
      `${length}, learning rate ${first} in epoch 1, warm-up over ${counted(schedule.warmup, "epoch", "epochs")} to ` +
        `${schedule.lr.toExponential(2)} (${settings.lrScaling} scaling), ${describeDecay(schedule)}`,
    ),
    ...scheduleWarnings(schedule).flatMap((warning) => sentence("warning", warning)),
    ...(resumed ? [] : recipeWarning(settings)),
    ...(settings.ema ? sentence("average", averageText(settings)) : []),
    ...frozenLine(weights, settings),
    ...(teacher ? sentence("teacher", teacher) : []),
    ...sentence("device", device),
    ...(training.writeLossScale
      ? sentence("scale", `${lossScaleText(state.lossScale ?? FIRST_LOSS_SCALE)}`)
      : []),
    ...headNote(config, settings),
    ...settingLines(settings, join(run.checkpoint.folder, CONFIG_FILE)),
    ...(resumed
      ? sentence(
          "resumed",
          `at batch ${state.cursor.batch} of epoch ${state.cursor.epoch + 1}, after ${counted(state.step, "step", "steps")}`,
        )
      : []),
  ];
}

export interface SummaryFacts {
  steps: number;
  epochs: number;
  /** Mean over the last steps. */
  loss: number;
  validation: ValidationScores | null;
  best: BestScore | null;
  last: string;
  /** Steps skipped because a gradient overflowed; null where the loss was not scaled. */
  skippedSteps: number | null;
}

/** A finished run, in lines of at most 80 columns unless a path is longer, and as JSON. */
export function summarize({ state, checkpoint }: ReportedRun): { lines: string[]; facts: SummaryFacts } {
  const last = join(checkpoint.folder, LAST);
  const loss = new RunningMean(state.recentLosses).mean();
  const { step: steps, cursor, validation, best } = state;
  const skippedSteps = state.lossScale?.skipped ?? null;
  const skippedNote = skippedSteps ? ` (${skippedSteps} of them skipped: a gradient overflowed)` : "";
  const trained = `${counted(steps, "step", "steps")}${skippedNote}, loss ${loss.toFixed(4)}; the model is in`;
  const bestModel = quote(join(checkpoint.folder, BEST));
  const lines = wrap("finished: ", [
    ...trained.split(" "),
    ...(best === null
      ? [quote(last)]
      : [`${quote(last)},`, ..."the best one".split(" "), `(epoch ${best.epoch + 1})`, "in", bestModel]),
  ]);
  return { lines, facts: { steps, epochs: cursor.epoch, loss, validation, best, last, skippedSteps } };
}
