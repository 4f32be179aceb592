// Curves: loss, accuracy, learning rate, throughput and data wait over the steps, of one run or of several.

import { COMPARED_CHARTS, RUN_CHARTS, type RunChart, tickText, valueText } from "../../proto/run-charts.js";
import { lineChart } from "./charts.js";
import { type Html, html } from "./html.js";
import type { Metrics } from "./metrics-table.js";
import type { RunHistory } from "./reported-run.js";
import { type Series, seriesOf } from "./series.js";

function panel(
  { title, subtitle, unit, range }: Omit<RunChart, "lines">,
  series: readonly Series[],
  colors?: readonly number[],
): Html | null {
  const format = (value: number) => valueText(unit, value);
  const tickFormat = (value: number) => tickText(unit, value);
  const svg = lineChart({ title, range, format, tickFormat, series, ...(colors && { colors }) });
  return svg && html`<figure><figcaption>${title} <small>${subtitle}</small></figcaption>${svg}</figure>`;
}

/** The lines of a chart that the run has. */
export function chartSeries(metrics: Metrics, { lines, scale }: RunChart): (Series & { color: number })[] {
  return lines.flatMap(({ column, label, color }) => {
    const series = seriesOf(metrics, column, label, scale);
    return series ? [{ ...series, color }] : [];
  });
}

/** Charts of one run, a line per quantity. */
export function runCurves({ metrics }: RunHistory): Html {
  return html`<div class="charts">${RUN_CHARTS.map((chart) => {
    const series = chartSeries(metrics, chart);
    return panel(
      chart,
      series,
      series.map(({ color }) => color),
    );
  })}</div>`;
}

/** Charts over several runs, a line per run, named by its letter. */
export function comparedCurves(runs: readonly { key: string; history: RunHistory }[]): Html {
  return html`<div class="charts">${COMPARED_CHARTS.map((chart) =>
    panel(
      chart,
      runs.map(
        ({ key, history }) =>
          seriesOf(history.metrics, chart.column, key, chart.scale) ?? { label: key, points: [] },
      ),
    ),
  )}</div>`;
}
