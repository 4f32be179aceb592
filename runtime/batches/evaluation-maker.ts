// Evaluation maker: batch k of a data set's images in its own order, through the evaluation transform.

import { fromErrorRecord } from "../errors.js";
import type { InputTransform } from "../image/input-transform.js";
import type { LocatedDataset } from "./batch-maker.js";
import type { EvaluationBatch } from "./batch-source.js";
import { type PlacedEvaluationBatch, readableImages } from "./evaluation-batch.js";
import { type EvaluationOrder, type EvaluationPart, evaluationOrder } from "./evaluation-order.js";
import { type Leased, ReadAhead } from "./read-ahead.js";
import type { ReadingPolicy } from "./reading-policy.js";
import type { SamplePool } from "./sample-task.js";

export interface EvaluationMakerOptions extends InputTransform, ReadingPolicy, EvaluationPart {}

/** A data set as an evaluation maker needs it. */
export interface EvaluationDataset<Location>
  extends Pick<LocatedDataset<Location>, "samples" | "labels" | "locationAt"> {
  /** File of sample `index`, for messages. */
  nameAt(index: number): string;
}

export interface EvaluationMaker {
  readonly order: EvaluationOrder;
  /** Bytes of the pixels of a whole batch. */
  readonly pixelBytes: number;
  /** Fills `pixels`, uint8 [batchSize, size, size, 3]. Rejects with a bad image's error under `fail`. */
  make(batch: number, pixels: Uint8Array, signal: AbortSignal): Promise<PlacedEvaluationBatch>;
}

/** Throws `usage/rank`. */
export function createEvaluationMaker<Location>(
  pool: SamplePool<Location>,
  dataset: EvaluationDataset<Location>,
  options: EvaluationMakerOptions,
): EvaluationMaker {
  const { size, cropRatio, filter, cropMode, borderColor, cropRounding, batchSize } = options;
  const { badSamples, pixelLimit, onSkipped, onKept } = options;
  const transform = { size, cropRatio, filter, cropMode, borderColor, cropRounding };
  const reading = { pixelLimit, partial: badSamples === "partial" };
  const order = evaluationOrder(dataset.samples, options);
  return {
    order,
    pixelBytes: batchSize * size * size * 3,
    async make(batch, pixels, signal) {
      const count = order.sizeOf(batch);
      const indices = Array.from({ length: count }, (_, place) => order.indexAt(batch * batchSize + place));
      const faults = await Promise.all(
        indices.map(async (index, place) => {
          const location = dataset.locationAt(index);
          const task = { kind: "evaluation", location, place, reading, ...transform } as const;
          const [fault] = await pool.run(task, pixels, signal);
          return fault;
        }),
      );
      const weights = new Float32Array(count).fill(1);
      faults.forEach((fault, place) => {
        if (!fault) return;
        const error = fromErrorRecord(fault.error);
        if (fault.kept) onKept?.(error);
        else if (badSamples === "fail") throw error;
        else {
          weights[place] = 0;
          onSkipped?.(error);
        }
      });
      return {
        count,
        size,
        pixels: pixels.subarray(0, count * size * size * 3),
        labels: Int32Array.from(indices, (index) => dataset.labels[index]),
        names: indices.map((index) => dataset.nameAt(index)),
        weights,
      };
    },
  };
}

/** One batch is read while the next one is made. */
const SLOTS = 2;

/**
 * The batches of one evaluation, without the images that could not be read. A batch is valid until the next one is
 * requested.
 */
export async function* evaluationBatches(
  allocate: (bytes: number) => Uint8Array,
  { order, pixelBytes, make }: EvaluationMaker,
): AsyncGenerator<EvaluationBatch> {
  let next = 0;
  const ahead = new ReadAhead<PlacedEvaluationBatch>({
    slots: SLOTS,
    allocate: () => allocate(pixelBytes),
    make: (buffer, signal) => (next < order.batches ? make(next++, buffer, signal) : null),
  });
  try {
    for (;;) {
      const leased: Leased<PlacedEvaluationBatch> | null = await ahead.next();
      if (leased === null) return;
      const batch = readableImages(leased.item);
      if (batch.count > 0) yield batch;
      leased.release();
    }
  } finally {
    ahead.close(new Error("the reader of the batches stopped"));
  }
}
