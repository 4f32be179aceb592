// Decode task: the unit of work of a decode thread, as plain values that can cross threads, and how it runs: read,
// draw, decode, transform, mix, write into the samples' places of the batch.

import { setImmediate as nextTurn } from "node:timers/promises";
import type { MixDraw } from "../../runtime/draw/draw.js";
import type { DrawKey } from "../../runtime/draw/draw-key.js";
import type { AugmentationRecipe } from "../../runtime/draw/recipe.js";
import { drawSample } from "../../runtime/draw/sample.js";
import { type ErrorRecord, fromErrorRecord, toErrorRecord, VitrineError } from "../../runtime/errors.js";
import { type Advice, withAdvice } from "../../runtime/image/advice.js";
import { DEFAULT_PIXEL_LIMIT } from "../../runtime/image/decode.js";
import { subjectPrefix, tooLarge } from "../../runtime/image/failure.js";
import type { ImageModule } from "../../runtime/image/image-module.js";
import type { InputTransform } from "../../runtime/image/input-transform.js";
import { mixBatch } from "../../runtime/image/mix-batch.js";
import {
  decodePicture,
  evaluatePicture,
  type PictureHeader,
  readPictureHeader,
  trainPicture,
} from "../../runtime/image/picture.js";
import { type ReadOptions, readSample } from "./read-sample.js";
import { isFileFault } from "./reading-policy.js";
import type { SampleLocation } from "./sample-location.js";
import { noStageSeconds, type PoolLoad, type StageSeconds } from "./service-totals.js";

/** Runs tasks, in this thread or in others. */
export interface DecodePool {
  /**
   * Writes the task's pixels into `batch`, uint8 [count, size, size, 3], at the samples' places. Rejects if the task
   * could not be run; a bad file is an outcome. A task that has not started when `signal` aborts never does.
   * Owners take turns, task by task; by default the signal stands for the owner.
   */
  run(task: DecodeTask, batch: Uint8Array, signal: AbortSignal, owner?: object): Promise<DecodeOutcome>;
  /** Memory for a batch that this pool's threads can write to. */
  allocate(bytes: number): Uint8Array;
  /** What the pool has done and has to do; absent in pools of tests. */
  load?(): PoolLoad;
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
  reading?: FileReading;
}

/** How a task reads its files; by default whole ones. */
export interface FileReading {
  /** Default 178,956,970. */
  pixelLimit?: number | undefined;
  /** Use what a damaged file still has. */
  partial: boolean;
}

const WHOLE_FILES: FileReading = { partial: false };

/** A training sample: its location, the key of its draw, and its place in the batch. */
export interface TrainingSample {
  location: SampleLocation;
  key: DrawKey;
  /** Place in the batch; null for a sample that is only mixed into its partner. */
  place: number | null;
  mix: MixDraw;
}

export interface EvaluationTask extends InputTransform {
  kind: "evaluation";
  location: SampleLocation;
  place: number;
  reading?: FileReading;
}

/** Reads the headers of samples, or decodes them, and keeps no pixels. */
export interface HeaderTask {
  kind: "headers";
  locations: readonly SampleLocation[];
  /** Decode each picture whole. Default: only what its header says is read. */
  whole?: boolean;
  pixelLimit?: number | undefined;
}

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

/** Locations of a task's samples, in order. */
export function locationsOf(task: DecodeTask): readonly SampleLocation[] {
  if (task.kind === "training") return task.samples.map(({ location }) => location);
  return task.kind === "headers" ? task.locations : [task.location];
}

/** Bytes of a task's samples, in order, that are being read. */
export type TaskReading = Promise<Uint8Array>[];

/**
 * Starts to read the samples of a task, so that a thread reads its next task while it decodes the present one. The many
 * files of a header task are read in turn, later.
 */
export function startReading(task: DecodeTask, options: ReadOptions): TaskReading {
  if (task.kind === "headers") return [];
  const reading = locationsOf(task).map((location) => readSample(location, options));
  // Of a task that never runs, nobody awaits what it read.
  for (const bytes of reading) bytes.catch(() => {});
  return reading;
}

/** `reading`: what `startReading` returned for the task, if it was called. `stages`: times are added to it. */
export async function runDecodeTask(
  module: ImageModule,
  task: DecodeTask,
  batch: Uint8Array,
  options: ReadOptions = {},
  reading: TaskReading = startReading(task, options),
  stages: StageSeconds = noStageSeconds(),
): Promise<DecodeOutcome> {
  if (task.kind === "training") return runTraining(module, task, batch, reading, stages);
  if (task.kind === "evaluation") return runEvaluation(module, task, batch, reading[0], stages);
  const outcome: DecodeOutcome = [];
  for (const location of task.locations)
    outcome.push(await (task.whole ? wholeFault : headerFault)(module, location, task.pixelLimit, options));
  return outcome;
}

function wholeFault(
  module: ImageModule,
  location: SampleLocation,
  pixelLimit: number = DEFAULT_PIXEL_LIMIT,
  options: ReadOptions = {},
): Promise<FileFault | null> {
  const { name } = location;
  const decodeWhole = async (): Promise<void> => {
    const bytes = await readSample(location, options);
    await decodePicture(module, bytes, { name, pixelLimit });
  };
  // What checks pictures uses none.
  return faultOf(name, false, decodeWhole, { ...ADVICE, partial: undefined });
}

/** Nearly every header ends within these bytes; a color profile or a thumbnail may be longer. */
const HEADER_BYTES = 64 * 1024;

/** A file whose start is a whole header has no fault here; of any other the whole file decides. */
async function headerFault(
  module: ImageModule,
  location: SampleLocation,
  pixelLimit: number = DEFAULT_PIXEL_LIMIT,
  options: ReadOptions = {},
): Promise<FileFault | null> {
  const { name } = location;
  const read = (bytes: Uint8Array) =>
    faultOf(name, false, async () =>
      requirePixels(readPictureHeader(module, bytes, { name }), pixelLimit, name),
    );
  return faultOf(name, false, async () => {
    const start = await readSample(location, { ...options, most: HEADER_BYTES });
    if ((await read(start)) === null) return;
    const fault = await read(start.length < HEADER_BYTES ? start : await readSample(location, options));
    if (fault) throw fromErrorRecord(fault.error);
  });
}

async function readTimed(read: Promise<Uint8Array>, stages: StageSeconds): Promise<Uint8Array> {
  const start = performance.now();
  try {
    return await read;
  } finally {
    stages.read += (performance.now() - start) / 1000;
  }
}

/** The samples are decoded into consecutive images, mixed there, and copied to their places. */
async function runTraining(
  module: ImageModule,
  task: TrainingTask,
  batch: Uint8Array,
  reading: TaskReading,
  stages: StageSeconds,
): Promise<DecodeOutcome> {
  const { samples, recipe } = task;
  const imageBytes = recipe.size * recipe.size * 3;
  const images = new Uint8Array(samples.length * imageBytes);
  const imageAt = (i: number): Uint8Array => images.subarray(i * imageBytes, (i + 1) * imageBytes);
  const outcome: DecodeOutcome = [];
  for (const [i, sample] of samples.entries()) {
    const fault = await decodeTraining(module, sample, task, reading[i], imageAt(i), stages);
    if (fault && !fault.kept) imageAt(i).fill(0);
    outcome.push(fault);
  }
  const start = performance.now();
  if (outcome.every((fault) => fault === null || fault.kept))
    mixBatch(module, images, samples.length, recipe.size, { samples: samples.map(({ mix }) => mix) });
  samples.forEach(({ place }, i) => {
    if (place !== null) batch.set(imageAt(i), place * imageBytes);
  });
  stages.mix += (performance.now() - start) / 1000;
  return outcome;
}

function decodeTraining(
  module: ImageModule,
  { location, key }: TrainingSample,
  { recipe, reading = WHOLE_FILES }: TrainingTask,
  read: Promise<Uint8Array>,
  into: Uint8Array,
  stages: StageSeconds,
): Promise<FileFault | null> {
  const { name } = location;
  const { pixelLimit } = reading;
  return faultOf(name, reading.partial, async (partial) => {
    const bytes = await readTimed(read, stages);
    // The reads of the next task take their next step here: decoding keeps the thread for milliseconds.
    await nextTurn();
    const start = performance.now();
    const header = readPictureHeader(module, bytes, { name });
    const draw = drawSample(module.math, key, header, recipe);
    await trainPicture(module, bytes, draw, { size: recipe.size, name, into, partial, pixelLimit });
    stages.decode += (performance.now() - start) / 1000;
  });
}

async function runEvaluation(
  module: ImageModule,
  task: EvaluationTask,
  batch: Uint8Array,
  read: Promise<Uint8Array>,
  stages: StageSeconds,
): Promise<DecodeOutcome> {
  const { location, place, size, reading = WHOLE_FILES, ...transform } = task;
  const { name } = location;
  const imageBytes = size * size * 3;
  const into = batch.subarray(place * imageBytes, (place + 1) * imageBytes);
  const { pixelLimit } = reading;
  const fault = await faultOf(name, reading.partial, async (partial) => {
    const bytes = await readTimed(read, stages);
    const start = performance.now();
    await evaluatePicture(module, bytes, { ...transform, size, name, into, partial, pixelLimit });
    stages.decode += (performance.now() - start) / 1000;
  });
  if (fault && !fault.kept) into.fill(0);
  return [fault];
}

/** Damage that may leave rows to use. */
const DAMAGE = /^(?:jpeg|image)\/(?:truncated|corrupt)$/;

/** The commands that read data sets have these flags. */
const ADVICE: Advice = {
  pixelLimit: "--max-pixels allows more",
  partial: "--bad-samples partial keeps the intact rows",
};

/** The file's fault, or null for any other error. */
function recordOf(error: unknown, file: string, advice: Advice): ErrorRecord | null {
  const advised = withAdvice(error, advice);
  if (!isFileFault(advised)) return null;
  const record = toErrorRecord(advised);
  return { ...record, details: { ...record.details, file } };
}

/** A file that ends before its first row has nothing to keep. */
function mayHaveRows({ code, details }: ErrorRecord): boolean {
  return DAMAGE.test(code) && !(code === "jpeg/truncated" && details.found === 0);
}

/**
 * Runs `body` and returns what is wrong with the file, or null; of a damaged file, with `partial`, after another run
 * that keeps what the file still has. Rethrows an error that is not the file's fault.
 */
async function faultOf(
  file: string,
  partial: boolean,
  body: (partial: boolean) => Promise<void>,
  advice = ADVICE,
): Promise<FileFault | null> {
  try {
    await body(false);
    return null;
  } catch (error) {
    const record = recordOf(error, file, advice);
    if (record === null) throw error;
    if (!partial || !mayHaveRows(record)) return { error: record, kept: false };
    const again = await faultOf(file, false, () => body(true));
    return again ?? { error: record, kept: true };
  }
}

/** Throws `jpeg/too-large` or `image/too-large`, as a decode does. */
function requirePixels({ format, width, height }: PictureHeader, pixelLimit: number, file: string): void {
  if (width * height <= pixelLimit) return;
  const code = format === "JPEG" ? "jpeg/too-large" : "image/too-large";
  throw new VitrineError(code, subjectPrefix(file) + tooLarge(format, width * height, pixelLimit));
}
