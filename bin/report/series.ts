// Series: the lines of a run's curves, thinned to what a chart can show.

import type { Metrics } from "./metrics-table.js";

export interface Point {
  x: number;
  y: number;
}

/** A line of a chart. */
export interface Series {
  label: string;
  points: readonly Point[];
}

/** More points than a chart of 400 pixels can show. */
const MOST_POINTS = 300;

/** Means of consecutive values where there are too many; values that are no numbers are left out. */
export function thinned(x: ArrayLike<number>, y: ArrayLike<number>): Point[] {
  const finite = Array.from(y, (_, index) => index).filter(
    (index) => Number.isFinite(y[index]) && Number.isFinite(x[index]),
  );
  const size = Math.max(1, Math.ceil(finite.length / MOST_POINTS));
  const points: Point[] = [];
  for (let start = 0; start < finite.length; start += size) {
    const part = finite.slice(start, start + size);
    const mean = (of: ArrayLike<number>) => part.reduce((sum, index) => sum + of[index], 0) / part.length;
    points.push(part.length === 1 ? { x: x[part[0]], y: y[part[0]] } : { x: mean(x), y: mean(y) });
  }
  return points;
}

/** A column of metrics.csv over the steps; null where the run has none. `scale` multiplies the values. */
export function seriesOf(metrics: Metrics, name: string, label: string, scale = 1): Series | null {
  const [steps, values] = [metrics.column("step"), metrics.column(name)];
  if (!steps || !values) return null;
  return { label, points: thinned(steps, scale === 1 ? values : values.map((value) => value * scale)) };
}

/** `validation_class_top1` → class; `ema_validation_top1` → avg; `validation_top1` → val. */
const VALIDATION = /^(ema_)?validation_(?:(\w+?)_)?(top1|top5|loss)$/;

/** Short enough to stand at the end of a line. */
const HEADS: Readonly<Record<string, string>> = { class: "class", distillation: "distil.", joint: "joint" };

/**
 * Every validated line of a score, by the columns that metrics.csv has: the answer's, those of the heads of a distilled
 * model, and the moving average's.
 */
export function validationSeries(metrics: Metrics, score: "top1" | "top5" | "loss"): Series[] {
  return metrics.names.flatMap((name) => {
    const [, average, head, found] = VALIDATION.exec(name) ?? [];
    if (found !== score) return [];
    // The average's heads would double the lines and follow them closely.
    if (average && head) return [];
    const label = average ? "avg" : head ? (HEADS[head] ?? head) : "val";
    const series = seriesOf(metrics, name, label);
    return series ? [series] : [];
  });
}
