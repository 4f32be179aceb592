// Saved curves: the columns of metrics.csv that charts show.

import { COMPARED_CHARTS, RUN_CHARTS } from "../../proto/run-charts.js";
import { type CurvePoints, RunCurve } from "../../proto/run-curve.js";
import type { Metrics } from "../report/metrics-table.js";

/** Columns of metrics.csv. */
export const CHARTED: ReadonlySet<string> = new Set([
  ...RUN_CHARTS.flatMap(({ lines }) => lines.map(({ column }) => column)),
  ...COMPARED_CHARTS.map(({ column }) => column),
]);

export function chartedCurves(metrics: Metrics): Record<string, CurvePoints> {
  const steps = metrics.column("step");
  const curves: Record<string, CurvePoints> = {};
  for (const name of metrics.names) {
    const values = CHARTED.has(name) ? metrics.column(name) : undefined;
    if (!steps || !values) continue;
    const curve = new RunCurve();
    for (const [row, value] of values.entries()) curve.add(steps[row], value);
    curves[name] = curve.points();
  }
  return curves;
}
