// Batch stream: the batches of a data set in order, made ahead of their reader; and the data set's description.

import {
  type Cursor,
  checkCursor,
  type DataDescription,
  nextCursor,
} from "../../runtime/batches/batch-source.js";
import type { BatchMaker, MadeBatch } from "./batch-maker.js";
import type { Dataset } from "./dataset.js";
import type { DecodePool } from "./decode-task.js";
import { ReadAhead } from "./read-ahead.js";

/** Batches of a stream in memory: one being read or sent, and two in the making, so that workers never wait. */
export const STREAM_SLOTS = 3;

/**
 * Batches starting at `from`, without end, in leased buffers. `admit` is awaited before each batch is started. Throws
 * `data/bad-cursor`.
 */
export function openBatchStream(
  pool: DecodePool,
  maker: BatchMaker,
  from: Cursor,
  admit?: () => Promise<void>,
): ReadAhead<MadeBatch> {
  let cursor = checkCursor(from, maker.batchesPerEpoch);
  return new ReadAhead<MadeBatch>({
    slots: STREAM_SLOTS,
    allocate: () => pool.allocate(maker.pixelBytes),
    make(buffer, signal) {
      const batch = maker.make(cursor, buffer, signal);
      cursor = nextCursor(cursor, maker.batchesPerEpoch);
      return batch;
    },
    admit,
  });
}

export function describe(dataset: Dataset, instance: string): DataDescription {
  const { fingerprint, classes, names, labels } = dataset;
  const counts = new Array<number>(classes.length).fill(0);
  for (const label of labels) counts[label]++;
  return { fingerprint, samples: names.length, classes, counts, instance };
}
