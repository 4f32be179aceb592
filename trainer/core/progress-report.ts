// Progress report: what a run says of itself while it trains, and whom it tells.

import type { DataStage } from "./data-wait.js";

export interface ProgressReport {
  /** The current epoch, from 1, and their number (null where the run is measured in steps). */
  epoch: number;
  epochs: number | null;
  step: number;
  steps: number;
  /** Mean over the last steps. */
  loss: number;
  learningRate: number;
  imagesPerSecond: number;
  /** Fraction of the time spent waiting for data, 0…1. */
  dataWait: number;
  /** What most of that was for. */
  dataStage?: DataStage;
  /** Since the run was started or resumed. */
  elapsedSeconds: number;
  /** Until its end, at the mean pace so far; NaN where that is not known. */
  remainingSeconds: number;
  /** Peak of the process's resident memory, bytes. */
  peakBytes: number;
  /** Planned memory on a GPU, bytes; null where the process's own memory has it. */
  deviceBytes: number | null;
}

export interface Progress {
  report(report: ProgressReport): void;
  /** Shows what is being done between steps, for example `validating: 320 of 2000 images`; empty: nothing any more. */
  status(text: string): void;
  /** Prints a line that stays. */
  say(line: string): void;
  /** Ends the rewritten line, which stays on the screen. */
  end(): void;
  /** Keeps what was said so far and what will be said in this file too. Absent where nothing is recorded. */
  record?(path: string): void;
}
