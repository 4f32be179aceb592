// Metrics: metrics.csv, a row for every step, with validation columns where the step was validated: its row is written
// before the validation and completed after it. A resumed run first drops the rows after its checkpoint, so that no step
// is there twice.

import { appendFile, type FileHandle, open, rename, writeFile } from "node:fs/promises";
import { readFileIfAny } from "../runtime/host/node-files.js";
import type { StepMetrics } from "./core/step-metrics.js";
import type { ModelScores, Scores } from "./core/validation.js";

/** Of metrics.csv: more than a million steps. */
export const LARGEST_METRICS = 256 * 2 ** 20;

interface Column {
  name: string;
  /** Undefined where the run has no such value, or the step none. */
  of: (metrics: StepMetrics) => number | undefined;
  /** Digits after the point; absent: all. */
  digits?: number;
}

const scoreColumns = (name: string, of: (metrics: StepMetrics) => Scores | null | undefined): Column[] =>
  (["top1", "top5", "loss"] as const).map((score) => ({
    name: `${name}_${score}`,
    of: (metrics) => of(metrics)?.[score],
  }));

const headColumns = (name: string, of: (metrics: StepMetrics) => ModelScores | null | undefined): Column[] =>
  (["class", "distillation"] as const).flatMap((head) =>
    scoreColumns(`${name}_${head}`, (metrics) => of(metrics)?.heads?.[head]),
  );

/** New columns come last, so that the rows of a run that an older version started stay valid. */
const COLUMNS: readonly Column[] = [
  { name: "step", of: ({ step }) => step },
  { name: "epoch", of: ({ epoch }) => epoch },
  { name: "batch", of: ({ batch }) => batch },
  { name: "learning_rate", of: ({ learningRate }) => learningRate },
  { name: "loss", of: ({ loss }) => loss },
  { name: "running_loss", of: ({ runningLoss }) => runningLoss },
  { name: "target_entropy", of: ({ targetEntropy }) => targetEntropy },
  { name: "gradient_norm", of: ({ gradientNorm }) => gradientNorm },
  { name: "images_per_second", of: ({ imagesPerSecond }) => imagesPerSecond, digits: 2 },
  { name: "data_wait", of: ({ dataWait }) => dataWait, digits: 4 },
  { name: "skipped", of: ({ skipped }) => skipped },
  ...scoreColumns("validation", ({ validation }) => validation?.weights),
  ...scoreColumns("ema_validation", ({ validation }) => validation?.ema),
  { name: "loss_scale", of: ({ lossScale }) => lossScale?.scale },
  { name: "skipped_steps", of: ({ lossScale }) => lossScale?.skipped },
  { name: "base_loss", of: ({ terms }) => terms?.base },
  { name: "distillation_loss", of: ({ terms }) => terms?.distillation },
  { name: "teacher_agreement", of: ({ terms }) => terms?.teacherAgreement },
  ...headColumns("validation", ({ validation }) => validation?.weights),
  ...headColumns("ema_validation", ({ validation }) => validation?.ema),
];

const HEADER = COLUMNS.map(({ name }) => name).join(",");

/** Column → value, without those that the step does not have. */
export function metricValues(metrics: StepMetrics): Record<string, number> {
  return Object.fromEntries(
    COLUMNS.flatMap(({ name, of }) => {
      const value = of(metrics);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function row(metrics: StepMetrics): string {
  const cells = COLUMNS.map(({ of, digits }) => {
    const value = of(metrics);
    return digits === undefined ? (value ?? "") : (value?.toFixed(digits) ?? "");
  });
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
  const kept = `${HEADER}\n${rows}`;
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
