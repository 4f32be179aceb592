// Batch stream: the batches of a data set in order, made ahead of their reader; and the data set's description.

import type { BatchMaker, MadeBatch } from "./batch-maker.js";
import { type Batch, type Cursor, checkCursor, cursorAfter, type DataDescription } from "./batch-source.js";
import { type BatchStreamOptions, ReadAhead, STREAM_SLOTS } from "./read-ahead.js";

type DescribedDataset = Pick<DataDescription, "fingerprint" | "classes" | "samples"> & { labels: Int32Array };

export interface BatchMemory {
  /** Memory for a batch, which the threads that make it can write to. */
  allocate(bytes: number): Uint8Array;
}

/** Batches starting at `from`, without end, in leased buffers. Throws `data/bad-cursor`. */
export function openBatchStream(
  pool: BatchMemory,
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

/** `openBatchStream` as a batch source has it, with the time that its reader waited for each batch. */
export async function* sourceBatches(
  pool: BatchMemory,
  maker: BatchMaker,
  from: Cursor,
): AsyncGenerator<Batch> {
  const stream = openBatchStream(pool, maker, from);
  try {
    for (;;) {
      const start = performance.now();
      const leased = await stream.next();
      if (leased === null) return;
      yield { ...leased.item, waitSeconds: (performance.now() - start) / 1000 };
      leased.release();
    }
  } finally {
    stream.close(new Error("the reader of the batches stopped"));
  }
}

/** What a trainer must know of a data set. */
export function describe(
  { fingerprint, classes, samples, labels }: DescribedDataset,
  instance: string,
): DataDescription {
  const counts = new Array<number>(classes.length).fill(0);
  for (const label of labels) counts[label]++;
  return { fingerprint, samples, classes, counts, instance };
}
