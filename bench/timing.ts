// Timing: how long a call takes on a machine that other processes use as well.

export interface Timing {
  /** Shortest call: its time when nothing else uses the core. */
  bestMs: number;
  /** Median of all calls: its time under the current load. */
  medianMs: number;
  calls: number;
}

/** Fewer do not make a median. */
const MIN_CALLS = 5;

function summarize(spans: number[]): Timing {
  spans.sort((a, b) => a - b);
  return { bestMs: spans[0], medianMs: spans[Math.floor(spans.length / 2)], calls: spans.length };
}

/** Calls for `budgetMs`, at least five times, after warming up for a third of that so that the JIT compiler has finished. */
export function time(call: () => void, budgetMs = 90): Timing {
  const warm = performance.now() + budgetMs / 3;
  do call();
  while (performance.now() < warm);
  const spans: number[] = [];
  const end = performance.now() + budgetMs;
  while (spans.length < MIN_CALLS || performance.now() < end) {
    const start = performance.now();
    call();
    spans.push(performance.now() - start);
  }
  return summarize(spans);
}
