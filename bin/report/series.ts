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
