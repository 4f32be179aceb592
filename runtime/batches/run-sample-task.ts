// Run sample task: draw, decode, transform, mix, write into the samples' places of the batch.

import { drawSample } from "../draw/sample.js";
import { type ErrorRecord, toErrorRecord } from "../errors.js";
import { type Advice, withAdvice } from "../image/advice.js";
import type { ImageModule } from "../image/image-module.js";
import { mixBatch } from "../image/mix-batch.js";
import { evaluatePicture, readPictureHeader, trainPicture } from "../image/picture.js";
import { isFileFault } from "./reading-policy.js";
import type {
  DecodeOutcome,
  EvaluationTask,
  FileFault,
  FileReading,
  NamedLocation,
  SampleTask,
  StageSeconds,
  TrainingSample,
  TrainingTask,
} from "./sample-task.js";

const WHOLE_FILES: FileReading = { partial: false };

/** How a thread runs its tasks. */
export interface TaskContext {
  module: ImageModule;
  /** Times are added to it. */
  stages: StageSeconds;
  /** What helps who reads the data set, in errors about its files. */
  advice: Advice;
  /** Awaited before each training sample is decoded. Default: nothing. */
  nextTurn?(): Promise<unknown>;
}

/** Bytes of a task's samples, in order, that are being read. */
export type TaskReading = readonly Promise<Uint8Array>[];

/** Runs a task in this thread. */
export function runSampleTask<Location extends NamedLocation>(
  context: TaskContext,
  task: SampleTask<Location>,
  batch: Uint8Array,
  reading: TaskReading,
): Promise<DecodeOutcome> {
  return task.kind === "training"
    ? runTraining(context, task, batch, reading)
    : runEvaluation(context, task, batch, reading[0]);
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
async function runTraining<Location extends NamedLocation>(
  context: TaskContext,
  task: TrainingTask<Location>,
  batch: Uint8Array,
  reading: TaskReading,
): Promise<DecodeOutcome> {
  const { module, stages } = context;
  const { samples, recipe } = task;
  const imageBytes = recipe.size * recipe.size * 3;
  const images = new Uint8Array(samples.length * imageBytes);
  const imageAt = (i: number): Uint8Array => images.subarray(i * imageBytes, (i + 1) * imageBytes);
  const outcome: DecodeOutcome = [];
  for (const [i, sample] of samples.entries()) {
    const fault = await decodeTraining(context, sample, task, reading[i], imageAt(i));
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

function decodeTraining<Location extends NamedLocation>(
  { module, stages, advice, nextTurn }: TaskContext,
  { location, key }: TrainingSample<Location>,
  { recipe, reading = WHOLE_FILES }: TrainingTask<Location>,
  read: Promise<Uint8Array>,
  into: Uint8Array,
): Promise<FileFault | null> {
  const { name } = location;
  const { pixelLimit } = reading;
  return faultOf(name, { partial: reading.partial, advice }, async (partial) => {
    const bytes = await readTimed(read, stages);
    // The reads of the next task take their next step here: decoding keeps the thread for milliseconds.
    await nextTurn?.();
    const start = performance.now();
    const header = readPictureHeader(module, bytes, { name });
    const draw = drawSample(module.math, key, header, recipe);
    await trainPicture(module, bytes, draw, { size: recipe.size, name, into, partial, pixelLimit });
    stages.decode += (performance.now() - start) / 1000;
  });
}

async function runEvaluation<Location extends NamedLocation>(
  { module, stages, advice }: TaskContext,
  task: EvaluationTask<Location>,
  batch: Uint8Array,
  read: Promise<Uint8Array>,
): Promise<DecodeOutcome> {
  const { location, place, size, reading = WHOLE_FILES, ...transform } = task;
  const { name } = location;
  const imageBytes = size * size * 3;
  const into = batch.subarray(place * imageBytes, (place + 1) * imageBytes);
  const { pixelLimit } = reading;
  const fault = await faultOf(name, { partial: reading.partial, advice }, async (partial) => {
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
export async function faultOf(
  file: string,
  { partial, advice }: { partial: boolean; advice: Advice },
  body: (partial: boolean) => Promise<void>,
): Promise<FileFault | null> {
  try {
    await body(false);
    return null;
  } catch (error) {
    const record = recordOf(error, file, advice);
    if (record === null) throw error;
    if (!partial || !mayHaveRows(record)) return { error: record, kept: false };
    const again = await faultOf(file, { partial: false, advice }, () => body(true));
    return again ?? { error: record, kept: true };
  }
}
