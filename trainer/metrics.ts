// Metrics: metrics.csv, a row for every step, with validation columns where the step was validated: its row is written
// before the validation and completed after it. A resumed run first drops the rows after its checkpoint, so that no step
// is there twice.

import { appendFile, type FileHandle, open, rename, writeFile } from "node:fs/promises";
import { readFileIfAny } from "../runtime/host/node-files.js";
import type { StepMetrics } from "./core/step-metrics.js";
import type { ModelScores, Scores } from "./core/validation.js";

/** Of metrics.csv: more than a million steps. */
export const LARGEST_METRICS = 256 * 2 ** 20;

const SCORES = ["top1", "top5", "loss"] as const;
const HEADS = ["class", "distillation"] as const;
const headColumns = (of: string): string =>
  HEADS.flatMap((head) => SCORES.map((score) => `${of}_${head}_${score}`)).join(",");
/** New columns come last, so that the rows of a run that an older version started stay valid. */
const COLUMNS = [
  "step,epoch,batch,learning_rate,loss,running_loss,target_entropy,gradient_norm,images_per_second,data_wait,skipped",
  SCORES.map((score) => `validation_${score}`).join(","),
  SCORES.map((score) => `ema_validation_${score}`).join(","),
  "loss_scale,skipped_steps",
  "base_loss,distillation_loss,teacher_agreement",
  headColumns("validation"),
  headColumns("ema_validation"),
].join(",");

const scoreCells = (scores: Scores | null | undefined) => SCORES.map((score) => scores?.[score] ?? "");
const headCells = (scores: ModelScores | null | undefined) =>
  HEADS.flatMap((head) => scoreCells(scores?.heads?.[head]));

function row(metrics: StepMetrics): string {
  const { validation, lossScale, terms } = metrics;
  const cells: (number | string)[] = [
    metrics.step,
    metrics.epoch,
    metrics.batch,
    metrics.learningRate,
    metrics.loss,
    metrics.runningLoss,
    metrics.targetEntropy,
    metrics.gradientNorm,
    metrics.imagesPerSecond.toFixed(2),
    metrics.dataWait.toFixed(4),
    metrics.skipped,
    ...scoreCells(validation?.weights),
    ...scoreCells(validation?.ema),
    lossScale?.scale ?? "",
    lossScale?.skipped ?? "",
    terms?.base ?? "",
    terms?.distillation ?? "",
    terms?.teacherAgreement ?? "",
    ...headCells(validation?.weights),
    ...headCells(validation?.ema),
  ];
  return `${cells.join(",")}\n`;
}

/** Rows of a metrics file up to `step`. A last line without a newline was cut off by a crash. */
function keptRows(text: string, step: number): string {
  const lines = text.split("\n").slice(1, -1);
  const kept = lines.filter((line) => Number(line.slice(0, line.indexOf(","))) <= step);
  return kept.map((line) => `${line}\n`).join("");
}

export interface MetricsFile {
  append(metrics: StepMetrics): Promise<void>;
  /** Replaces the row of the last step, whose validation is done now. */
  complete(metrics: StepMetrics): Promise<void>;
  /** Waits until the rows are on disk; called before a checkpoint that relies on them. */
  sync(): Promise<void>;
}

/**
 * Opens PATH for a run that has done `step` steps: drops later rows, creates a missing file. `owed`: the row of that
 * step where its validation is still to be done; it is written again, as a crash may have left it half completed.
 */
export async function openMetrics(
  path: string,
  step: number,
  owed: StepMetrics | null,
): Promise<MetricsFile> {
  const written = await readFileIfAny(path, LARGEST_METRICS);
  const rows = written ? keptRows(new TextDecoder().decode(written), owed ? owed.step - 1 : step) : "";
  const kept = `${COLUMNS}\n${rows}`;
  const whole = kept + (owed ? row(owed) : "");
  await writeFile(`${path}.next`, whole);
  await rename(`${path}.next`, path);
  /** Where the last row begins, and where it ends, in bytes; an edited file may hold more than ASCII. */
  let last = Buffer.byteLength(kept);
  let end = Buffer.byteLength(whole);
  const update = async (work: (file: FileHandle) => Promise<unknown>): Promise<void> => {
    const file = await open(path, "r+");
    try {
      await work(file);
    } finally {
      await file.close();
    }
  };
  return {
    append: async (metrics) => {
      const text = row(metrics);
      await appendFile(path, text);
      last = end;
      end += text.length;
    },
    complete: (metrics) =>
      update(async (file) => {
        const text = row(metrics);
        await file.write(text, last);
        end = last + text.length;
        await file.truncate(end);
      }),
    sync: () => update((file) => file.sync()),
  };
}
