// Run rows: planned rows one after the other, each with its limit, until there are no more or the time is over.

import type { Limit, Result } from "../peers/contest.js";
import type { Clock } from "./clock.js";
import type { PlannedRow } from "./plan.js";

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
