// Sample task: the work that makes the pixels of a few samples, as plain values that can cross threads.

import type { MixDraw } from "../draw/draw.js";
import type { DrawKey } from "../draw/draw-key.js";
import type { AugmentationRecipe } from "../draw/recipe.js";
import type { ErrorRecord } from "../errors.js";
import type { InputTransform } from "../image/input-transform.js";

/** What a sample's bytes are found by: at least what messages call it. */
export interface NamedLocation {
  name: string;
}

/**
 * Samples b and count − 1 − b, which are each other's partners in Mixup and CutMix, so that a task needs no other
 * task's pixels. The middle sample of an odd batch is a task of its own.
 */
export interface TrainingTask<Location> {
  kind: "training";
  samples: TrainingSample<Location>[];
  recipe: AugmentationRecipe;
  reading?: FileReading;
}

/** How a task reads its files; by default whole ones. */
export interface FileReading {
  /** Default 178,956,970. */
  pixelLimit?: number | undefined;
  /** Use what a damaged file still has. */
  partial: boolean;
}

/** A training sample: its location, the key of its draw, and its place in the batch. */
export interface TrainingSample<Location> {
  location: Location;
  key: DrawKey;
  /** Place in the batch; null for a sample that is only mixed into its partner. */
  place: number | null;
  mix: MixDraw;
}

export interface EvaluationTask<Location> extends InputTransform {
  kind: "evaluation";
  location: Location;
  place: number;
  reading?: FileReading;
}

export type SampleTask<Location> = TrainingTask<Location> | EvaluationTask<Location>;

/** What is wrong with a file. `kept`: the rows that it still has were used. */
export interface FileFault {
  error: ErrorRecord;
  kept: boolean;
}

/**
 * For each sample of the task, in order: what was wrong with its file, or null. The pixels of a bad one that was not
 * kept are zero.
 */
export type DecodeOutcome = (FileFault | null)[];

/** Runs tasks, in this thread or in others. */
export interface SamplePool<Location> {
  /**
   * Writes the task's pixels into `batch`, uint8 [count, size, size, 3], at the samples' places. Rejects if the task
   * could not be run; a bad file is an outcome. A task that has not started when `signal` aborts never does.
   */
  run(task: SampleTask<Location>, batch: Uint8Array, signal: AbortSignal): Promise<DecodeOutcome>;
}

/** Seconds of decode threads. Decoding and augmenting are one call into WebAssembly. */
export interface StageSeconds {
  /** Waiting for a file's bytes, of which the next task's are read while the present one's are decoded. */
  read: number;
  decode: number;
  mix: number;
}

export const noStageSeconds = (): StageSeconds => ({ read: 0, decode: 0, mix: 0 });
