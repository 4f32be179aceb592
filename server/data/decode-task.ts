// Decode task: the unit of work of a decode thread, as plain values that can cross threads, and how it runs: read, then
// make the pixels of samples, or look at the headers of files.

import { setImmediate as nextTurn } from "node:timers/promises";
import { faultOf, runSampleTask, type TaskReading } from "../../runtime/batches/run-sample-task.js";
import {
  type DecodeOutcome,
  type EvaluationTask,
  type FileFault,
  noStageSeconds,
  type StageSeconds,
  type TrainingTask,
} from "../../runtime/batches/sample-task.js";
import { fromErrorRecord, VitrineError } from "../../runtime/errors.js";
import type { Advice } from "../../runtime/image/advice.js";
import { DEFAULT_PIXEL_LIMIT } from "../../runtime/image/decode.js";
import { subjectPrefix, tooLarge } from "../../runtime/image/failure.js";
import type { ImageModule } from "../../runtime/image/image-module.js";
import { decodePicture, type PictureHeader, readPictureHeader } from "../../runtime/image/picture.js";
import { type ReadOptions, readSample } from "./read-sample.js";
import type { SampleLocation } from "./sample-location.js";
import type { PoolLoad } from "./service-totals.js";

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

export type DecodeTask = TrainingTask<SampleLocation> | EvaluationTask<SampleLocation> | HeaderTask;

/** Reads the headers of samples, or decodes them, and keeps no pixels. */
export interface HeaderTask {
  kind: "headers";
  locations: readonly SampleLocation[];
  /** Decode each picture whole. Default: only what its header says is read. */
  whole?: boolean;
  pixelLimit?: number | undefined;
}

/** Locations of a task's samples, in order. */
export function locationsOf(task: DecodeTask): readonly SampleLocation[] {
  if (task.kind === "training") return task.samples.map(({ location }) => location);
  return task.kind === "headers" ? task.locations : [task.location];
}

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
  if (task.kind !== "headers")
    return runSampleTask({ module, stages, advice: ADVICE, nextTurn }, task, batch, reading);
  const outcome: DecodeOutcome = [];
  for (const location of task.locations)
    outcome.push(await (task.whole ? wholeFault : headerFault)(module, location, task.pixelLimit, options));
  return outcome;
}

/** The commands that read data sets have these flags. */
const ADVICE: Advice = {
  pixelLimit: "--max-pixels allows more",
  partial: "--bad-samples partial keeps the intact rows",
};

const WHOLE = { partial: false, advice: ADVICE };

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
  return faultOf(name, { partial: false, advice: { ...ADVICE, partial: undefined } }, decodeWhole);
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
    faultOf(name, WHOLE, async () =>
      requirePixels(readPictureHeader(module, bytes, { name }), pixelLimit, name),
    );
  return faultOf(name, WHOLE, async () => {
    const start = await readSample(location, { ...options, most: HEADER_BYTES });
    if ((await read(start)) === null) return;
    const fault = await read(start.length < HEADER_BYTES ? start : await readSample(location, options));
    if (fault) throw fromErrorRecord(fault.error);
  });
}

/** Throws `jpeg/too-large` or `image/too-large`, as a decode does. */
function requirePixels({ format, width, height }: PictureHeader, pixelLimit: number, file: string): void {
  if (width * height <= pixelLimit) return;
  const code = format === "JPEG" ? "jpeg/too-large" : "image/too-large";
  throw new VitrineError(code, subjectPrefix(file) + tooLarge(format, width * height, pixelLimit));
}
