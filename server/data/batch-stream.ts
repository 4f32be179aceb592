// Batch stream: the batches of a data set in order, made ahead of their reader; and the data set's description.

import {
  type Cursor,
  checkCursor,
  cursorAfter,
  type DataDescription,
} from "../../runtime/batches/batch-source.js";
import type { BatchMaker, MadeBatch } from "./batch-maker.js";
import type { Dataset } from "./dataset.js";
import type { DecodePool } from "./decode-task.js";
import { type BatchStreamOptions, ReadAhead, STREAM_SLOTS } from "./read-ahead.js";

/** Batches starting at `from`, without end, in leased buffers. Throws `data/bad-cursor`. */
export function openBatchStream(
  pool: DecodePool,
  maker: BatchMaker,
  from: Cursor,
  { admit, stride = 1 }: BatchStreamOptions = {},
): ReadAhead<MadeBatch> {
  let cursor = checkCursor(from, maker.batchesPerEpoch);
  return new ReadAhead<MadeBatch>({
    slots: STREAM_SLOTS,
    allocate: () => pool.allocate(maker.pixelBytes),
    make(buffer, signal) {
      const batch = maker.make(cursor, buffer, signal);
      cursor = cursorAfter(cursor, stride, maker.batchesPerEpoch);
      return batch;
    },
    admit,
  });
}

export function describe(dataset: Dataset, instance: string): DataDescription {
  const { fingerprint, classes, samples, labels } = dataset;
  const counts = new Array<number>(classes.length).fill(0);
  for (const label of labels) counts[label]++;
  return { fingerprint, samples, classes, counts, instance };
}
