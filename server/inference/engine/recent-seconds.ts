// Recent seconds: how long something took the last times, as an expectation for the next time.

/** Measurements that count. */
const KEPT = 8;

export interface RecentSeconds {
  add(seconds: number): void;
  /** The mean of the last measurements; 0 before the first. */
  typical(): number;
}

export function recentSeconds(): RecentSeconds {
  const kept: number[] = [];
  return {
    add(seconds) {
      kept.push(seconds);
      if (kept.length > KEPT) kept.shift();
    },
    typical: () => kept.reduce((sum, value) => sum + value, 0) / Math.max(1, kept.length),
  };
}
