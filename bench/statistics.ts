// Statistics: the median of paired rounds, and a bootstrap interval that says how far to trust it.

export interface Estimate {
  median: number;
  /** Bounds of the 95% interval. */
  low: number;
  high: number;
}

const RESAMPLES = 4000;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  return sorted.length % 2 === 1 ? upper : (upper + sorted[middle - 1]) / 2;
}

/** Numerical Recipes' linear congruential generator: the same rounds always give the same interval. */
function generator(): (below: number) => number {
  let state = 1;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Median of `values`, one of each round, and the percentile bootstrap's 95% interval over the rounds. */
export function estimate(values: readonly number[]): Estimate {
  const draw = generator();
  const medians = Array.from({ length: RESAMPLES }, () =>
    median(values.map(() => values[draw(values.length)])),
  ).sort((a, b) => a - b);
  const quantile = (fraction: number) => medians[Math.round(fraction * (RESAMPLES - 1))];
  return { median: median(values), low: quantile(0.025), high: quantile(0.975) };
}
