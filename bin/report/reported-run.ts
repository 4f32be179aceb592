// Reported run: everything that the page shows about one run, gathered before anything is drawn.

import type { ClassScores } from "../../trainer/class-scores.js";
import type { RunState } from "../../trainer/core/state.js";
import type { Metrics } from "./metrics-table.js";
import type { Mistake } from "./mistake-list.js";

/** Validation images of a report: enough for a confusion matrix of tens of classes, in about a minute on a CPU. */
export const REPORT_IMAGES = 2000;

/** Runs of a page: a color each. */
export const MOST_RUNS = 6;

export interface RunHistory {
  /** As the user gave it. */
  path: string;
  /** Its folder's name. */
  name: string;
  state: RunState;
  metrics: Metrics;
  /** Class names in the model's order. */
  labels: readonly string[];
  /** Folder of the best model, or of the last where there is no best. */
  model: string;
  /** `best` or `last`. */
  modelName: string;
}

export interface Predictions {
  scores: ClassScores;
  /** Images of the data set; fewer were evaluated where it is large. */
  samples: number;
  /** Files that could not be read. */
  skipped: number;
  /** Class names of the data set, as it is labeled. */
  classes: readonly string[];
  /** Class names of the model. */
  labels: readonly string[];
  /** Class index of the data set → class index of the model. */
  classMap: Int32Array;
  size: number;
  /** The most confident first. */
  mistakes: readonly Mistake[];
}

/** Samples of the first training batch, augmented and mixed, as the model saw them. */
export interface FirstBatch {
  /** Side of the square images in pixels. */
  size: number;
  /** Images of the whole batch. */
  count: number;
  samples: readonly BatchSample[];
}

export interface BatchSample {
  /** uint8 [size, size, 3]. */
  pixels: Uint8Array;
  /** Class names: of the sample, and of the one that is mixed in. */
  label: string;
  partner: string;
  /** Of the target: λ for `label`, 1 − λ for `partner`. */
  lambda: number;
}

export interface ReportedRun {
  history: RunHistory;
  parameters: number | null;
  predictions: Predictions | null;
  batch: FirstBatch | null;
  /** Why something is missing, a sentence each. */
  notes: readonly string[];
}
