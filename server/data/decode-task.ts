// Decode task: the unit of work of a decode thread, as plain values that can cross threads, and how it runs: read,
// draw, decode, transform, mix, write into the samples' places of the batch.

import type { MixDraw } from "../../runtime/draw/draw.js";
import type { DrawKey } from "../../runtime/draw/draw-key.js";
import type { AugmentationRecipe } from "../../runtime/draw/recipe.js";
import { drawSample } from "../../runtime/draw/sample.js";
import {
  type ErrorRecord,
  fromErrorRecord,
  isVitrineError,
  toErrorRecord,
  type VitrineError,
} from "../../runtime/errors.js";
import { LARGEST_PHOTO, readStartSync, readWholeFileSync } from "../../runtime/host/node-files.js";
import { readHeader } from "../../runtime/image/decode.js";
import { evaluationInput } from "../../runtime/image/evaluation-input.js";
import { PARTIAL } from "../../runtime/image/failure.js";
import type { ImageModule } from "../../runtime/image/image-module.js";
import type { InputTransform } from "../../runtime/image/input-transform.js";
import { mixBatch } from "../../runtime/image/mix-batch.js";
import { trainingInput } from "../../runtime/image/training-input.js";

/** Runs tasks, in this thread or in others. */
export interface DecodePool {
  /**
   * Writes the task's pixels into `batch`, uint8 [count, size, size, 3], at the samples' places. Rejects if the task
   * could not be run; a bad file is an outcome. A task that has not started when `signal` aborts never does.
   */
  run(task: DecodeTask, batch: Uint8Array, signal: AbortSignal): Promise<DecodeOutcome>;
  /** Memory for a batch that this pool's threads can write to. */
  allocate(bytes: number): Uint8Array;
  /** Threads that were told to end and have not: the operating system keeps them, and with them the process. */
  readonly blockedThreads: number;
  /** Resolves if no task can run any more, with the reason; never after close(). */
  readonly failure: Promise<VitrineError>;
  /** Ends the threads, but does not wait for blocked ones. */
  close(): Promise<void>;
}

export type DecodeTask = TrainingTask | EvaluationTask | HeaderTask;

/**
 * Samples b and count − 1 − b, which are each other's partners in Mixup and CutMix, so that a task needs no other
 * task's pixels. The middle sample of an odd batch is a task of its own.
 */
export interface TrainingTask {
  kind: "training";
  samples: TrainingSample[];
  recipe: AugmentationRecipe;
}

/** A training sample: its file, the key of its draw, and its place in the batch. */
export interface TrainingSample {
  /** Path of the file. */
  file: string;
  key: DrawKey;
  /** Place in the batch. */
  place: number;
  mix: MixDraw;
}

export interface EvaluationTask extends InputTransform {
  kind: "evaluation";
  file: string;
  place: number;
}

/** Reads the headers of files, and no pixels. */
export interface HeaderTask {
  kind: "headers";
  files: string[];
}

/** For each sample of the task, in order: what was wrong with its file, or null. A bad one's pixels are zero. */
export type DecodeOutcome = (ErrorRecord | null)[];

export function runDecodeTask(module: ImageModule, task: DecodeTask, batch: Uint8Array): DecodeOutcome {
  if (task.kind === "headers") return task.files.map((file) => headerFault(module, file));
  return task.kind === "training" ? runTraining(module, task, batch) : runEvaluation(module, task, batch);
}

/** Nearly every header ends within these bytes; a color profile or a thumbnail may be longer. */
const HEADER_BYTES = 64 * 1024;

/** A file whose start is a whole header has no fault here; of any other the whole file decides. */
function headerFault(module: ImageModule, file: string): ErrorRecord | null {
  const read = (bytes: Uint8Array) => faultOf(file, () => void readHeader(module, bytes, { name: file }));
  return faultOf(file, () => {
    const start = readStartSync(file, HEADER_BYTES, DISAPPEARED);
    if (read(start) === null) return;
    const fault = read(start.length < HEADER_BYTES ? start : readFile(file));
    if (fault) throw fromErrorRecord(fault);
  });
}

/** The samples are decoded into consecutive images, mixed there, and copied to their places. */
function runTraining(module: ImageModule, task: TrainingTask, batch: Uint8Array): DecodeOutcome {
  const { samples, recipe } = task;
  const imageBytes = recipe.size * recipe.size * 3;
  const images = new Uint8Array(samples.length * imageBytes);
  const imageAt = (i: number): Uint8Array => images.subarray(i * imageBytes, (i + 1) * imageBytes);
  const outcome = samples.map((sample, i) => {
    const fault = faultOf(sample.file, () => decodeTraining(module, sample, recipe, imageAt(i)));
    if (fault) imageAt(i).fill(0);
    return fault;
  });
  if (outcome.every((fault) => fault === null))
    mixBatch(module, images, samples.length, recipe.size, { samples: samples.map(({ mix }) => mix) });
  samples.forEach(({ place }, i) => {
    batch.set(imageAt(i), place * imageBytes);
  });
  return outcome;
}

function decodeTraining(
  module: ImageModule,
  { file, key }: TrainingSample,
  recipe: TrainingTask["recipe"],
  into: Uint8Array,
): void {
  const bytes = readFile(file);
  const header = readHeader(module, bytes, { name: file });
  const draw = drawSample(module.math, key, header, recipe);
  trainingInput(module, bytes, draw, { size: recipe.size, name: file, into });
}

function runEvaluation(module: ImageModule, task: EvaluationTask, batch: Uint8Array): DecodeOutcome {
  const { file, place, size } = task;
  const imageBytes = size * size * 3;
  const into = batch.subarray(place * imageBytes, (place + 1) * imageBytes);
  const fault = faultOf(file, () => {
    evaluationInput(module, readFile(file), { ...task, name: file, into });
  });
  if (fault) into.fill(0);
  return [fault];
}

/** Errors that are the file's fault; any other is a fault of the program, which --bad-samples must not hide. */
const FILE_FAULTS = ["jpeg/", "file/", "image/trap", "image/out-of-memory"];

/** Runs `body` and returns what is wrong with the file, or null. Rethrows an error that is not the file's fault. */
function faultOf(file: string, body: () => void): ErrorRecord | null {
  try {
    body();
    return null;
  } catch (error) {
    if (!isVitrineError(error) || !FILE_FAULTS.some((prefix) => error.code.startsWith(prefix))) throw error;
    const record = toErrorRecord(error);
    // Who trains or validates makes no call that the library's advice could be followed in.
    const message = record.message.replace(` (${PARTIAL})`, "");
    return { ...record, message, details: { ...record.details, file } };
  }
}

/** Follows "no such file" in an error. */
const DISAPPEARED = "; it existed when the data set was opened";

const readFile = (file: string): Uint8Array => readWholeFileSync(file, LARGEST_PHOTO, DISAPPEARED);
