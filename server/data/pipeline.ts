// Pipeline: a data set as batches in this process: made ahead of their reader, and as a batch source without a network.

import { randomUUID } from "node:crypto";
import {
  type Batch,
  type BatchSource,
  type Cursor,
  checkCursor,
  type DataDescription,
  nextCursor,
} from "../../runtime/batches/batch-source.js";
import { checkRecipe } from "./accepted-recipe.js";
import { type BatchMaker, type BatchOptions, createBatchMaker, type MadeBatch } from "./batch-maker.js";
import type { Dataset } from "./dataset.js";
import { openDecodePool } from "./decode-pool.js";
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

export interface PipelineOptions extends BatchOptions {
  dataset: Dataset;
  /** Decode threads; 0 decodes in the calling thread. */
  workers: number;
}

/**
 * Batch k of epoch e is the same bytes for any number of workers. A batch's `pixels` may be in shared memory.
 * Throws `data/too-few-samples`, `usage/recipe`.
 */
export async function openPipeline(options: PipelineOptions): Promise<BatchSource> {
  const { dataset, workers, recipe, batchSize } = options;
  checkRecipe(recipe, batchSize);
  const { pool, math } = await openDecodePool(workers);
  let maker: BatchMaker;
  try {
    maker = createBatchMaker(pool, math, dataset, options);
  } catch (error) {
    await pool.close();
    throw error;
  }

  async function* batches(from: Cursor): AsyncGenerator<Batch> {
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

  return {
    description: describe(dataset, randomUUID()),
    batchesPerEpoch: maker.batchesPerEpoch,
    batches,
    close: () => pool.close(),
  };
}
