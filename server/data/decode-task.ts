// Decode task: what a worker is asked to do, and what it answers. Types only; plain values that cross a thread.

import type { DrawKey, MixDraw } from "../../runtime/draw/draw.js";
import type { AugmentationRecipe } from "../../runtime/draw/recipe.js";
import type { ErrorRecord } from "../../runtime/errors.js";

/** A training sample: which file, with which chance, and at which place of the batch it goes. */
export interface TrainingSample {
  /** Path of the file. */
  file: string;
  key: DrawKey;
  /** Place in the batch. */
  place: number;
  mix: MixDraw;
}

/**
 * Samples b and count − 1 − b, which are each other's partners in Mixup and CutMix; so a task needs no other task's
 * pixels. The middle sample of an odd batch is a task alone.
 */
export interface TrainingTask {
  kind: "training";
  samples: TrainingSample[];
  recipe: AugmentationRecipe;
}

export interface EvaluationTask {
  kind: "evaluation";
  file: string;
  place: number;
  size: number;
  cropRatio: number;
}

export type DecodeTask = TrainingTask | EvaluationTask;

/** For each sample of the task, in order: what was wrong with its file, or null. A bad one's pixels are zero. */
export type DecodeOutcome = (ErrorRecord | null)[];

/** Runs tasks, in this thread or in others. */
export interface DecodePool {
  /**
   * Writes the task's pixels into `batch`, uint8 [count, size, size, 3], at the samples' places. Rejects if the task
   * could not be run; a bad file is an outcome. A task that has not begun when `signal` aborts never does.
   */
  run(task: DecodeTask, batch: Uint8Array, signal: AbortSignal): Promise<DecodeOutcome>;
  /** A batch's memory, of the kind that this pool's threads can write. */
  allocate(bytes: number): Uint8Array;
  close(): Promise<void>;
}
