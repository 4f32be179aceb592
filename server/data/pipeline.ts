// Pipeline: a data set as a batch source in this process, without a network.

import { randomUUID } from "node:crypto";
import type { Batch, BatchSource, Cursor } from "../../runtime/batches/batch-source.js";
import { checkRecipe } from "./accepted-recipe.js";
import { type BatchMaker, type BatchOptions, createBatchMaker } from "./batch-maker.js";
import { describe, openBatchStream } from "./batch-stream.js";
import type { Dataset } from "./dataset.js";
import { openDecodePool } from "./decode-pool.js";

export interface PipelineOptions extends BatchOptions {
  dataset: Dataset;
  /** Decode threads; 0 decodes in the calling thread. */
  workers: number;
}

/**
 * Batch k of epoch e is the same bytes for any number of workers. A batch's `pixels` may be in shared memory.
 * Throws `data/too-few-samples`, `usage/recipe`, `usage/rank`.
 */
export async function openPipeline(options: PipelineOptions): Promise<BatchSource> {
  const { dataset, workers, recipe, batchSize } = options;
  checkRecipe(recipe, batchSize, options);
  const { pool, math } = await openDecodePool(workers, dataset.remote);
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
