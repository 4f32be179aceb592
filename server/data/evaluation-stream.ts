// Evaluation stream: the batches of an evaluation for a client, from any of them on, to the last one.

import { namesBytes } from "../../proto/batch-codec.js";
import { batchCost, checkBatchBytes, MAX_BATCH_SIZE, MAX_EVALUATION_SIZE } from "../../proto/credits.js";
import type { AskedEvaluation } from "../../proto/evaluation-codec.js";
import type { MadeBatch } from "../../runtime/batches/batch-maker.js";
import { type Cursor, checkCursor } from "../../runtime/batches/batch-source.js";
import type { EvaluationMaker } from "../../runtime/batches/evaluation-maker.js";
import { type BatchStreamOptions, ReadAhead, STREAM_SLOTS } from "../../runtime/batches/read-ahead.js";
import { VitrineError } from "../../runtime/errors.js";
import { DEFAULT_CROP_RATIO } from "../../runtime/image/input-transform.js";
import type { DecodePool } from "./decode-task.js";

/** As --crop-pct allows. */
const LEAST_CROP_RATIO = 0.01;

function requireRange(field: string, value: number, min: number, max: number): void {
  if (value >= min && value <= max) return;
  throw new VitrineError(
    "protocol/bad-open",
    `evaluation: ${field} got ${value}; allowed: ${min} to ${max}`,
    {
      details: { field, got: value },
    },
  );
}

/** Throws `protocol/bad-open`, and `usage/recipe` for batches that no message can hold. */
export function checkEvaluation(
  { size, cropRatio = DEFAULT_CROP_RATIO }: AskedEvaluation,
  batchSize: number,
): void {
  requireRange("batch_size", batchSize, 1, MAX_BATCH_SIZE);
  requireRange("size", size, 1, MAX_EVALUATION_SIZE);
  requireRange("crop_ratio", cropRatio, LEAST_CROP_RATIO, 1);
  checkBatchBytes(batchCost(batchSize, size) + namesBytes(batchSize));
}

/** Batches from `from` on, in leased buffers; ends after the last one. Throws `data/bad-cursor`. */
export function openEvaluationStream(
  pool: DecodePool,
  maker: EvaluationMaker,
  from: Cursor,
  { admit, stride = 1 }: BatchStreamOptions = {},
): ReadAhead<MadeBatch> {
  const { batches } = maker.order;
  const cursor = checkCursor(from, batches);
  // Of several servers, one may have nothing to do with the last few batches.
  let batch = cursor.epoch === 0 ? cursor.batch : batches;
  return new ReadAhead<MadeBatch>({
    slots: STREAM_SLOTS,
    allocate: () => pool.allocate(maker.pixelBytes),
    make(buffer, signal) {
      if (batch >= batches) return null;
      const cursor = { epoch: 0, batch };
      batch += stride;
      return maker.make(cursor.batch, buffer, signal).then((made): MadeBatch => {
        const { count, labels } = made;
        return { ...made, cursor, partnerLabels: labels, lambdas: new Float64Array(count).fill(1) };
      });
    },
    admit,
  });
}
