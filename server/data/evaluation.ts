// Evaluation: a data set's images in its own order, through the evaluation transform, nothing drawn at random.

import { randomUUID } from "node:crypto";
import type { EvaluationBatch, EvaluationSource } from "../../runtime/batches/batch-source.js";
import { fromErrorRecord } from "../../runtime/errors.js";
import type { InputTransform } from "../../runtime/image/input-transform.js";
import type { ReadingPolicy } from "./batch-maker.js";
import { describe } from "./batch-stream.js";
import { type CheckedHeaders, checkHeaders, type HeaderCheck } from "./check-headers.js";
import { type Dataset, sampleLocation } from "./dataset.js";
import { openDecodePool } from "./decode-pool.js";
import type { DecodePool } from "./decode-task.js";
import { openDataset } from "./open-dataset.js";
import { type Leased, ReadAhead } from "./read-ahead.js";

/** A bad file that is left out makes its batch shorter. */
export interface EvaluationOptions extends InputTransform, ReadingPolicy {
  /** Folder of class folders, or a CSV list. */
  path: string;
  batchSize: number;
  /** Decode threads; 0 decodes in the calling thread. */
  workers: number;
  /** At most this many images, evenly spaced over the data set. Default: all. */
  most?: number;
}

/** One batch is read while the next one is made. */
const SLOTS = 2;

/** Indices of the images to evaluate, in order. */
function chosenImages(samples: number, most: number): Int32Array {
  if (samples <= most) return Int32Array.from({ length: samples }, (_, index) => index);
  return Int32Array.from({ length: most }, (_, place) => Math.floor(((place + 0.5) * samples) / most));
}

async function makeBatch(
  pool: DecodePool,
  dataset: Dataset,
  chosen: Int32Array,
  first: number,
  pixels: Uint8Array,
  signal: AbortSignal,
  options: EvaluationOptions,
): Promise<EvaluationBatch> {
  const { size, cropRatio, filter, cropMode, borderColor, cropRounding, batchSize } = options;
  const { badSamples, pixelLimit, onSkipped, onKept } = options;
  const transform = { size, cropRatio, filter, cropMode, borderColor, cropRounding };
  const reading = { pixelLimit, partial: badSamples === "partial" };
  const indices = chosen.subarray(first, first + batchSize);
  const outcomes = await Promise.all(
    Array.from(indices, async (index, place) => {
      const location = sampleLocation(dataset, index);
      const task = { kind: "evaluation", location, place, reading, ...transform } as const;
      const [fault] = await pool.run(task, pixels, signal);
      if (!fault) return null;
      if (!fault.kept) return fromErrorRecord(fault.error);
      onKept?.(fromErrorRecord(fault.error));
      return null;
    }),
  );
  const imageBytes = size * size * 3;
  const good: number[] = [];
  outcomes.forEach((error, place) => {
    if (error) {
      if (badSamples === "fail") throw error;
      onSkipped?.(error);
      return;
    }
    if (good.length < place)
      pixels.copyWithin(good.length * imageBytes, place * imageBytes, (place + 1) * imageBytes);
    good.push(indices[place]);
  });
  return {
    count: good.length,
    pixels: pixels.subarray(0, good.length * imageBytes),
    labels: Int32Array.from(good, (index) => dataset.labels[index]),
    names: good.map((index) => dataset.names[index]),
  };
}

/** An evaluation source that knows its files. */
export interface OpenedEvaluation extends EvaluationSource {
  /** File of each image, in order, as `EvaluationBatch.names` has them. */
  readonly names: readonly string[];
  readonly otherFiles: number;
  readonly otherKinds: string;
  /** Reads the headers of all images that will be evaluated; see check-headers.ts. */
  checkHeaders(check: Omit<HeaderCheck, "badSamples" | "pixelLimit" | "onSkipped">): Promise<CheckedHeaders>;
}

/** Throws what `openDataset` throws. A batch is valid until the next one is requested. */
export async function openEvaluation(options: EvaluationOptions): Promise<OpenedEvaluation> {
  const dataset = openDataset(options.path);
  const { pool } = await openDecodePool(options.workers);
  const chosen = chosenImages(dataset.names.length, options.most ?? Number.POSITIVE_INFINITY);
  const batchBytes = options.batchSize * options.size * options.size * 3;

  async function* batches(): AsyncGenerator<EvaluationBatch> {
    let first = 0;
    const ahead = new ReadAhead<EvaluationBatch>({
      slots: SLOTS,
      allocate: () => pool.allocate(batchBytes),
      make(buffer, signal) {
        if (first >= chosen.length) return null;
        const batch = makeBatch(pool, dataset, chosen, first, buffer, signal, options);
        first += options.batchSize;
        return batch;
      },
    });
    try {
      for (;;) {
        const leased: Leased<EvaluationBatch> | null = await ahead.next();
        if (leased === null) return;
        if (leased.item.count > 0) yield leased.item;
        leased.release();
      }
    } finally {
      ahead.close(new Error("the reader of the batches stopped"));
    }
  }

  const { names, otherFiles, otherKinds } = dataset;
  return {
    checkHeaders: (check) => {
      const samples = {
        count: chosen.length,
        at: (place: number) => sampleLocation(dataset, chosen[place]),
      };
      const { badSamples, pixelLimit, onSkipped = () => {} } = options;
      return checkHeaders(pool, samples, { ...check, badSamples, pixelLimit, onSkipped });
    },
    description: describe(dataset, randomUUID()),
    names,
    otherFiles,
    otherKinds,
    batches,
    close: () => pool.close(),
  };
}
