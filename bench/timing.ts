// Timing: how long a call takes on a machine that others use as well.

export interface Timing {
  /** Least time of a call: what it costs when nothing else wants the core. */
  bestMs: number;
  /** Middle of all calls: what it costs here and now. */
  medianMs: number;
  calls: number;
}

/** Fewer give no middle. */
const LEAST_CALLS = 5;

function summarize(spans: number[]): Timing {
  spans.sort((a, b) => a - b);
  const medianMs = spans[Math.floor(spans.length / 2)] as number;
  return { bestMs: spans[0] as number, medianMs, calls: spans.length };
}

/** Calls for `budgetMs`, at least five times, after a third of that to let the engine's optimizing compiler finish. */
export function time(call: () => void, budgetMs = 90): Timing {
  const warm = performance.now() + budgetMs / 3;
  do call();
  while (performance.now() < warm);
  const spans: number[] = [];
  const end = performance.now() + budgetMs;
  while (spans.length < LEAST_CALLS || performance.now() < end) {
    const start = performance.now();
    call();
    spans.push(performance.now() - start);
  }
  return summarize(spans);
}

/** The same for a call that answers later. */
export async function timeAsync(call: () => Promise<unknown>, budgetMs: number): Promise<Timing> {
  await call();
  const spans: number[] = [];
  const end = performance.now() + budgetMs;
  while (spans.length < LEAST_CALLS || performance.now() < end) {
    const start = performance.now();
    await call();
    spans.push(performance.now() - start);
  }
  return summarize(spans);
}
