// Runs one decode task in this thread: read, draw, decode, transform, mix, into the samples' places of the batch.

import { readFileSync } from "node:fs";
import { drawSample } from "../../runtime/draw/sample.js";
import { type ErrorRecord, isVitrineError, toErrorRecord, VitrineError } from "../../runtime/errors.js";
import { readHeader } from "../../runtime/image/decode.js";
import { evaluationInput } from "../../runtime/image/evaluation-input.js";
import type { ImageModule } from "../../runtime/image/image-module.js";
import { mixBatch } from "../../runtime/image/mix-batch.js";
import { trainingInput } from "../../runtime/image/training-input.js";
import type {
  DecodeOutcome,
  DecodeTask,
  EvaluationTask,
  TrainingSample,
  TrainingTask,
} from "./decode-task.js";

/** Errors of these rooms are the file's fault; anything else is ours, and no policy hides it. */
const FILE_ROOMS = ["jpeg/", "file/", "image/trap", "image/out-of-memory"];

function readFile(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT")
      throw new VitrineError(
        "file/not-found",
        `${file}: no such file; it was there when the data set was opened`,
        {
          details: { file },
        },
      );
    throw new VitrineError("file/unreadable", `${file}: ${message}`, { details: { file }, cause });
  }
}

/** Runs `body` and gives what is wrong with the file, or null; throws what is no fault of a file. */
function faultOf(file: string, body: () => void): ErrorRecord | null {
  try {
    body();
    return null;
  } catch (error) {
    if (!isVitrineError(error) || !FILE_ROOMS.some((room) => error.code.startsWith(room))) throw error;
    const record = toErrorRecord(error);
    return { ...record, details: { ...record.details, file } };
  }
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

/** The samples are decoded side by side, mixed there, and copied to their places. */
function runTraining(module: ImageModule, task: TrainingTask, batch: Uint8Array): DecodeOutcome {
  const { samples, recipe } = task;
  const imageBytes = recipe.size * recipe.size * 3;
  const images = new Uint8Array(samples.length * imageBytes);
  const imageAt = (i: number): Uint8Array => images.subarray(i * imageBytes, (i + 1) * imageBytes);
  const outcome = samples.map((sample, i) => {
    const bad = faultOf(sample.file, () => decodeTraining(module, sample, recipe, imageAt(i)));
    if (bad) imageAt(i).fill(0);
    return bad;
  });
  if (outcome.every((bad) => bad === null))
    mixBatch(module, images, samples.length, recipe.size, { samples: samples.map(({ mix }) => mix) });
  samples.forEach(({ place }, i) => {
    batch.set(imageAt(i), place * imageBytes);
  });
  return outcome;
}

function runEvaluation(module: ImageModule, task: EvaluationTask, batch: Uint8Array): DecodeOutcome {
  const { file, place, size, cropRatio } = task;
  const imageBytes = size * size * 3;
  const into = batch.subarray(place * imageBytes, (place + 1) * imageBytes);
  const bad = faultOf(file, () => {
    evaluationInput(module, readFile(file), { size, cropRatio, name: file, into });
  });
  if (bad) into.fill(0);
  return [bad];
}

export function runDecodeTask(module: ImageModule, task: DecodeTask, batch: Uint8Array): DecodeOutcome {
  return task.kind === "training" ? runTraining(module, task, batch) : runEvaluation(module, task, batch);
}
