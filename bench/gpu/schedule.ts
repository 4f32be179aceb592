// Schedule: planned rows run in order, each with a time limit, until none is left or the bench's time is up.

import type { Limit, Result } from "../peers/comparison.js";
import type { PlannedRow } from "./plan.js";

export interface TimeBudgetOptions {
  /** Seconds for one row. */
  rowSeconds: number;
  /** Seconds for the whole bench; Infinity for no limit. */
  maxSeconds: number;
  /** Milliseconds since any fixed point. */
  now?: () => number;
}

export class TimeBudget {
  readonly #options: TimeBudgetOptions;
  readonly #now: () => number;
  readonly #start: number;

  constructor(options: TimeBudgetOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#start = this.#now();
  }

  /** Seconds since the budget was created. */
  get seconds(): number {
    return (this.#now() - this.#start) / 1000;
  }

  /** Why nothing more is started; undefined while there is time. */
  get exhausted(): string | undefined {
    const { maxSeconds } = this.#options;
    return this.seconds < maxSeconds ? undefined : `not started: ${maxSeconds} s were up (--max-seconds)`;
  }

  /** For something that starts now and may take `rows` times as long as a row. */
  limit(rows = 1): Limit {
    const { rowSeconds, maxSeconds } = this.#options;
    const ofRow = rows * rowSeconds;
    const left = maxSeconds - this.seconds;
    if (ofRow <= left)
      return { ms: 1000 * ofRow, reason: `stopped: it took longer than ${ofRow} s (--row-seconds)` };
    return {
      ms: Math.max(0, 1000 * left),
      reason: `stopped: the bench's ${maxSeconds} s were up (--max-seconds)`,
    };
  }
}

/** What became of a row. */
export type RowOutcome = { result: Result } | { reason: string };
export type Outcome = PlannedRow & RowOutcome;

/**
 * Calls `onRow` after each row that was started, with all outcomes so far. Rows for which there was no time left come last
 * in the resolved list, with that reason. A row that throws has the error's message as its reason; the next row runs.
 */
export async function runRows(
  rows: readonly PlannedRow[],
  budget: TimeBudget,
  run: (row: PlannedRow, limit: Limit) => Promise<RowOutcome>,
  onRow: (outcomes: readonly Outcome[]) => void,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const row of rows) {
    const reason = budget.exhausted;
    if (reason !== undefined) {
      outcomes.push({ ...row, reason });
      continue;
    }
    const outcome = await run(row, budget.limit()).catch((error: Error) => ({ reason: error.message }));
    outcomes.push({ ...row, ...outcome });
    onRow(outcomes);
  }
  return outcomes;
}
