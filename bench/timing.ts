// Timing: how long a call takes on a machine that others use as well.

export interface Timing {
  /** Least time of a call: what it costs when nothing else wants the core. */
  bestMs: number;
  /** Middle of all calls: what it costs here and now. */
  medianMs: number;
  calls: number;
}

/** Calls for `budgetMs`, at least five times, after one third of that to let the engine's optimising compiler finish. */
export function time(call: () => void, budgetMs = 90): Timing {
  const warm = performance.now() + budgetMs / 3;
  do call();
  while (performance.now() < warm);
  const spans: number[] = [];
  const end = performance.now() + budgetMs;
  while (spans.length < 5 || performance.now() < end) {
    const start = performance.now();
    call();
    spans.push(performance.now() - start);
  }
  spans.sort((a, b) => a - b);
  const medianMs = spans[Math.floor(spans.length / 2)] as number;
  return { bestMs: spans[0] as number, medianMs, calls: spans.length };
}
