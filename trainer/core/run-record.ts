// Run record: what keeps a run while it trains. Types only; the loop calls it, and does not know where that is.

import type { Training } from "../../runtime/training/contract.js";
import type { Progress } from "./progress-report.js";
import type { Rank } from "./ranking.js";
import type { RunState } from "./state.js";
import type { StepMetrics } from "./step-metrics.js";

/** Where a run is kept while it trains: rows of its metrics, and checkpoints. */
export interface OpenRecord {
  /** Adds a step, whose row may be completed later. */
  addStep(metrics: StepMetrics): Promise<void>;
  /** Replaces the row of the last step, whose validation is done now. */
  completeStep(metrics: StepMetrics): Promise<void>;
  /** Writes the whole run, from which it can continue. */
  save(): Promise<void>;
  /**
   * Keeps the model of an epoch, where it ranks. The state that names it must be written after it: a crash between the
   * two must not leave a state that names a checkpoint which was never written.
   */
  saveRanked(rank: Rank, epoch: number): Promise<void>;
  /** Removes models that the saved state no longer names. */
  prune(): Promise<void>;
  /** Writes the state beside the weights and moments of this step, which are saved already. */
  saveState(): Promise<void>;
  /** The step that is saved. */
  saved(): number;
  /** Writes the run if steps were done since. */
  saveUnsaved(): Promise<void>;
}

/** The part of a run that a record reads. */
export interface RecordedRun {
  training: Training;
  state: RunState;
  progress: Progress;
  /** Is notified of what was written. */
  observer?: { saved(kind: "last" | "best" | "top", step: number): void } | undefined;
}

/** What keeps a run: a folder, or the private files of a page. */
export interface RunRecord {
  /** Opens it for writing. A new run is saved here, before its first step: there is always something to resume. */
  open(run: RecordedRun): Promise<OpenRecord>;
  /** As `OpenRecord.prune`, of a run that has ended before. */
  prune(state: RunState): Promise<void>;
  /** The error that ends the run, with where it can continue; `isOwed`: with the validation after that step. */
  explain(error: unknown, saved: { step: number; isOwed: boolean }): unknown;
  /** Peak of the memory that the process or page has taken, as far as it can tell. */
  peakBytes(run: RecordedRun): number;
}
