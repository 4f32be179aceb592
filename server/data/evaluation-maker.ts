// Evaluation maker: batch k of a data set's images in its own order, through the evaluation transform.

import type { PlacedEvaluationBatch } from "../../runtime/batches/evaluation-batch.js";
import {
  type EvaluationOrder,
  type EvaluationPart,
  evaluationOrder,
} from "../../runtime/batches/evaluation-order.js";
import { fromErrorRecord } from "../../runtime/errors.js";
import type { InputTransform } from "../../runtime/image/input-transform.js";
import { type Dataset, sampleLocation, sampleName } from "./dataset.js";
import type { DecodePool } from "./decode-task.js";
import type { ReadingPolicy } from "./reading-policy.js";

export interface EvaluationMakerOptions extends InputTransform, ReadingPolicy, EvaluationPart {}

export interface EvaluationMaker {
  readonly order: EvaluationOrder;
  /** Bytes of the pixels of a whole batch. */
  readonly pixelBytes: number;
  /** Fills `pixels`, uint8 [batchSize, size, size, 3]. Rejects with a bad image's error under `fail`. */
  make(batch: number, pixels: Uint8Array, signal: AbortSignal): Promise<PlacedEvaluationBatch>;
}

/** Throws `usage/rank`. */
export function createEvaluationMaker(
  pool: DecodePool,
  dataset: Dataset,
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
          const location = sampleLocation(dataset, index);
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
        names: indices.map((index) => sampleName(dataset, index)),
        weights,
      };
    },
  };
}
