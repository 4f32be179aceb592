// Headline: the few numbers that a reader asks for first.

import { trainedEpochs, trainedSteps } from "../../trainer/core/schedule.js";
import type { TrainerSettings } from "../../trainer/core/settings.js";
import { type Html, html } from "./html.js";
import type { Metrics } from "./metrics-table.js";
import { duration, figure, percent } from "./names.js";
import type { ReportedRun } from "./reported-run.js";

export interface HeadlineNumber {
  name: string;
  value: string;
  /** What it refers to. */
  detail: string;
}

function median(values: ArrayLike<number> | undefined): number | undefined {
  const sorted = Array.from(values ?? [])
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** Seconds that the steps took, validations and checkpoints excluded. A row stands for the steps since the last one. */
function stepSeconds(metrics: Metrics, batchSize: number): number | undefined {
  const [steps, rates] = [metrics.column("step"), metrics.column("images_per_second")];
  if (!steps || !rates) return undefined;
  return rates.reduce((sum, rate, row) => {
    const covered = steps[row] - (row === 0 ? 0 : steps[row - 1]);
    return sum + (rate > 0 ? (covered * batchSize) / rate : 0);
  }, 0);
}

/** Steps of the whole run; null where an epoch's length is not known yet. */
export function plannedSteps(metrics: Metrics, settings: TrainerSettings): number | null {
  if (settings.steps !== null) return settings.steps;
  const [epoch, batch] = [metrics.column("epoch"), metrics.column("batch")];
  if (!epoch || !batch || (metrics.last("epoch") ?? 0) < 1) return null;
  const first = batch.filter((_, index) => epoch[index] === 0);
  return trainedSteps(settings, first.reduce((most, value) => Math.max(most, value), 0) + 1);
}

/** In the order of the page; what a run does not have is left out. */
export function headlineNumbers({ history, parameters, predictions }: ReportedRun): HeadlineNumber[] {
  const { state, metrics, labels } = history;
  const { best, settings } = state;
  const numbers: HeadlineNumber[] = [];
  const add = (name: string, value: string, detail = "") => numbers.push({ name, value, detail });
  const classes = labels.length || predictions?.labels.length || 0;
  if (best && best.top1 !== null)
    add("Best top-1", percent(best.top1), `validation, epoch ${best.epoch + 1}`);
  const top5 = metrics.last("validation_top5");
  if (top5 !== undefined && classes > 5) add("Top-5", percent(top5), "last validation");
  if (best && best.top1 !== null) add("Loss", best.loss.toFixed(3), `validation, epoch ${best.epoch + 1}`);
  const loss = metrics.last("running_loss");
  if (loss !== undefined) add("Training loss", loss.toFixed(3), "mean of the last ten steps");
  const planned = plannedSteps(metrics, settings);
  const of = planned === null || planned === state.step ? "" : ` of ${planned.toLocaleString("en")}`;
  const epochs = settings.steps === null ? `${state.cursor.epoch} of ${trainedEpochs(settings)} epochs` : "";
  add("Steps", state.step.toLocaleString("en") + of, epochs || `batches of ${settings.batchSize}`);
  const seconds = stepSeconds(metrics, settings.batchSize);
  if (seconds !== undefined) add("Time in steps", duration(seconds), "without validations");
  const speed = median(metrics.column("images_per_second"));
  const wait = median(metrics.column("data_wait"));
  if (speed !== undefined)
    add(
      "Images a second",
      figure(speed),
      wait === undefined ? "median" : `${percent(100 * wait, 0)} of a step waits for data`,
    );
  if (parameters !== null)
    add("Parameters", `${Number((parameters / 1e6).toPrecision(3))} M`, classes ? `${classes} classes` : "");
  return numbers;
}

export function headlineTiles(run: ReportedRun): Html {
  return html`<div class="tiles">${headlineNumbers(run).map(
    ({ name, value, detail }) =>
      html`<div class="tile"><span>${name}</span><b>${value}</b>${detail && html`<small>${detail}</small>`}</div>`,
  )}</div>`;
}

/** Whether the run is over, and how it goes on. */
export function statusSentence({ history: { state, metrics } }: ReportedRun): string {
  if (state.finished) return "The run is finished.";
  const planned = plannedSteps(metrics, state.settings);
  const of = planned === null ? "" : ` of ${planned}`;
  return `The run is not finished: its last checkpoint holds step ${state.step}${of}; vitrine train --resume continues it.`;
}
