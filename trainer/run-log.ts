// Run log: RUN/log.txt, everything that a run says, with the time of day, over all its starts.

import { appendFileSync } from "node:fs";
import type { Progress, ProgressReport } from "./core/progress-report.js";
import { progressLine } from "./progress.js";

/** Steps are in metrics.csv; the log shows that the run is alive. */
const STEP_INTERVAL_MS = 60_000;

export interface RunLog extends Progress {
  record(path: string): void;
  /** Writes a line to the file alone: what is printed elsewhere, as an error is. */
  note(line: string): void;
}

/**
 * `progress` with a record. What is said before `record` is kept until then: RUN exists only once a run has begun. A
 * file that cannot be written ends no training. `now`: milliseconds since 1970.
 */
export function withLog(progress: Progress, now: () => number = Date.now): RunLog {
  let path: string | null = null;
  let pending: string[] = [];
  let due = 0;
  let unwritten: ProgressReport | null = null;
  const flush = (): void => {
    if (path === null || pending.length === 0) return;
    const text = pending.join("");
    pending = [];
    try {
      appendFileSync(path, text);
    } catch {
      // A full disk stops the run at its next checkpoint, with an error that says so.
    }
  };
  const note = (line: string): void => {
    pending.push(`${new Date(now()).toISOString()} ${line}\n`);
    flush();
  };
  const noteStep = (): void => {
    if (unwritten) note(progressLine(unwritten));
    unwritten = null;
    due = now() + STEP_INTERVAL_MS;
  };
  return {
    report: (report) => {
      progress.report(report);
      unwritten = report;
      if (now() >= due) noteStep();
    },
    status: (text) => progress.status(text),
    say: (line) => {
      progress.say(line);
      note(line);
    },
    end: () => {
      progress.end();
      noteStep();
    },
    record: (file) => {
      path = file;
      flush();
    },
    note,
  };
}
