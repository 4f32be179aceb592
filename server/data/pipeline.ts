// Pipeline: a data set as a batch source in this process, without a network between.

import { randomUUID } from "node:crypto";
import type { Batch, BatchSource, Cursor, DataDescription } from "../../runtime/batches/batch-source.js";
import { checkRecipe } from "./accepted-recipe.js";
import { type BatchOptions, createBatchMaker } from "./batch-maker.js";
import { openBatchStream } from "./batch-stream.js";
import type { Dataset } from "./dataset.js";
import { openDecodePool } from "./open-decode-pool.js";

export interface PipelineOptions extends BatchOptions {
  dataset: Dataset;
  /** Decode threads; 0 decodes in the calling thread. */
  workers: number;
}

export function describe(dataset: Dataset, instance: string): DataDescription {
  const { fingerprint, classes, names } = dataset;
  return { fingerprint, samples: names.length, classes, instance };
}

/**
 * Batch k of epoch e is the same bytes for any number of workers. `pixels` of a batch may lie in shared memory.
 * Throws `data/too-few-samples`, `usage/recipe`.
 */
export async function openPipeline(options: PipelineOptions): Promise<BatchSource> {
  const { dataset, workers, recipe, batchSize } = options;
  checkRecipe(recipe, batchSize);
  const { pool, math } = await openDecodePool(workers);
  let maker: ReturnType<typeof createBatchMaker>;
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
        const asked = performance.now();
        const leased = await stream.next();
        if (leased === null) return;
        yield { ...leased.item, waitSeconds: (performance.now() - asked) / 1000 };
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
