// Curves: loss, accuracy, learning rate, throughput and data wait over the steps, of one run or of several.

import { type LineChart, lineChart } from "./charts.js";
import { type Html, html } from "./html.js";
import { figure, percent } from "./names.js";
import type { RunHistory } from "./reported-run.js";
import { type Series, seriesOf, validationSeries } from "./series.js";

const present = (series: readonly (Series | null)[]): Series[] => series.filter((entry) => entry !== null);

type Chart = Omit<LineChart, "series" | "colors">;

const LOSS: Chart = { title: "Loss", range: [0, 0], format: (value) => value.toFixed(3) };
const TOP1: Chart = {
  title: "Top-1 accuracy",
  range: [0, 100],
  format: (value) => percent(value),
  tickFormat: (value) => `${value}%`,
};
const AGREEMENT: Chart = { ...TOP1, title: "Agreement with the teacher" };
const RATE: Chart = {
  title: "Learning rate",
  range: [0, 0],
  format: (value) => value.toExponential(1),
  tickFormat: (value) => (value === 0 ? "0" : Number(value.toPrecision(3)).toExponential()),
};
const SPEED: Chart = {
  title: "Throughput",
  range: [0, 0],
  format: (value) => `${figure(Number(value.toFixed(1)))}/s`,
};
const WAIT: Chart = {
  title: "Waiting for data",
  range: [0, 100],
  format: (value) => percent(value, 0),
  tickFormat: (value) => `${value}%`,
};

/** A quantity has the same color in every chart. */
const COLORS: Readonly<Record<string, number>> = {
  train: 0,
  val: 1,
  avg: 2,
  class: 3,
  base: 3,
  "distil.": 4,
  joint: 5,
};

function panel(chart: Chart, subtitle: string, series: readonly Series[]): Html | null {
  const colors = series.map(({ label }, index) => COLORS[label] ?? index);
  const svg = lineChart({ ...chart, series, colors });
  return (
    svg && html`<figure><figcaption>${chart.title} <small>${subtitle}</small></figcaption>${svg}</figure>`
  );
}

/** The answer and its average; heads have a chart of their own. */
const WHOLE: readonly string[] = ["val", "avg"];

/** Charts of one run, a line per quantity. */
export function runCurves({ metrics }: RunHistory): Html {
  const validated = validationSeries(metrics, "loss");
  const loss = present([
    seriesOf(metrics, "running_loss", "train"),
    ...validated.filter(({ label }) => WHOLE.includes(label)),
  ]);
  const heads = validated.filter(({ label }) => !WHOLE.includes(label));
  const terms = present([
    seriesOf(metrics, "base_loss", "base"),
    seriesOf(metrics, "distillation_loss", "distil."),
  ]);
  return html`<div class="charts">${[
    panel(LOSS, "train: mean of ten steps, on augmented and mixed pictures", loss),
    panel(TOP1, "validation; avg: moving average of the weights", validationSeries(metrics, "top1")),
    panel({ ...LOSS, title: "Loss of each head" }, "validation", heads),
    panel({ ...LOSS, title: "Terms of the loss" }, "training batches", terms),
    panel(AGREEMENT, "training batches", present([seriesOf(metrics, "teacher_agreement", "agree")])),
    panel(RATE, "", present([seriesOf(metrics, "learning_rate", "rate")])),
    panel(SPEED, "images a second in training", present([seriesOf(metrics, "images_per_second", "images")])),
    panel(WAIT, "fraction of a step", present([seriesOf(metrics, "data_wait", "wait", 100)])),
  ]}</div>`;
}

/** Charts over several runs, a line per run, named by its letter. */
export function comparedCurves(runs: readonly { key: string; history: RunHistory }[]): Html {
  const lines = (column: string, scale = 1): Series[] =>
    runs.map(
      ({ key, history }) => seriesOf(history.metrics, column, key, scale) ?? { label: key, points: [] },
    );
  return html`<div class="charts">${[
    panel(TOP1, "validation", lines("validation_top1")),
    panel({ ...LOSS, title: "Validation loss" }, "", lines("validation_loss")),
    panel({ ...LOSS, title: "Training loss" }, "mean of ten steps", lines("running_loss")),
    panel(RATE, "", lines("learning_rate")),
    panel(SPEED, "images a second in training", lines("images_per_second")),
    panel(WAIT, "fraction of a step", lines("data_wait", 100)),
  ]}</div>`;
}
