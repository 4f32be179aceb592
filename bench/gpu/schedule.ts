// Clock: how long a row of the GPU bench may take, and how long all of it.

import type { Limit, Result } from "../peers/comparison.js";
import type { PlannedRow } from "./plan.js";

export interface ClockOptions {
  /** Of one row. */
  rowSeconds: number;
  /** Of the whole bench; Infinity for no limit. */
  maxSeconds: number;
  /** Milliseconds from a fixed point on. */
  now?: () => number;
}

export class Clock {
  readonly #options: ClockOptions;
  readonly #now: () => number;
  readonly #start: number;

  constructor(options: ClockOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#start = this.#now();
  }

  /** Since the clock was made. */
  get seconds(): number {
    return (this.#now() - this.#start) / 1000;
  }

  /** Why nothing is begun any more; undefined as long as there is time. */
  get spent(): string | undefined {
    const { maxSeconds } = this.#options;
    return this.seconds < maxSeconds ? undefined : `not begun: ${maxSeconds} s were over (--max-seconds)`;
  }

  /** Of what begins now and may take `rows` times as long as a row. */
  limit(rows = 1): Limit {
    const { rowSeconds, maxSeconds } = this.#options;
    const [ofRow, left] = [rows * rowSeconds, maxSeconds - this.seconds];
    if (ofRow <= left)
      return { ms: 1000 * ofRow, reason: `ended: it took longer than ${ofRow} s (--row-seconds)` };
    return {
      ms: Math.max(0, 1000 * left),
      reason: `ended: ${maxSeconds} s of the bench were over (--max-seconds)`,
    };
  }
}

// Run rows: planned rows one after the other, each with its limit, until there are no more or the time is over.

/** What became of a row. */
export type RowOutcome = { result: Result } | { reason: string };
export type Outcome = PlannedRow & RowOutcome;

/**
 * `onRow` after each row that was begun, with all so far; rows that the time was not enough for come last in what is resolved,
 * each with the reason. A row that throws has the error's message for a reason, and the next one is begun.
 */
export async function runRows(
  rows: readonly PlannedRow[],
  clock: Clock,
  run: (row: PlannedRow, limit: Limit) => Promise<RowOutcome>,
  onRow: (outcomes: readonly Outcome[]) => void,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const row of rows) {
    const reason = clock.spent;
    if (reason !== undefined) {
      outcomes.push({ ...row, reason });
      continue;
    }
    const outcome = await run(row, clock.limit()).catch((error: Error) => ({ reason: error.message }));
    outcomes.push({ ...row, ...outcome });
    onRow(outcomes);
  }
  return outcomes;
}
