// Pipeline: a data set as a batch source in this process, without a network.

import { randomUUID } from "node:crypto";
import { type BatchMaker, type BatchOptions, createBatchMaker } from "../../runtime/batches/batch-maker.js";
import type { BatchSource } from "../../runtime/batches/batch-source.js";
import { describe, sourceBatches } from "../../runtime/batches/batch-stream.js";
import { checkRecipe } from "./accepted-recipe.js";
import type { Dataset } from "./dataset.js";
import { openDecodePool } from "./decode-pool.js";
import { locatedDataset } from "./located-dataset.js";

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
    maker = createBatchMaker(pool, math, locatedDataset(dataset), options);
  } catch (error) {
    await pool.close();
    throw error;
  }

  return {
    description: describe(dataset, randomUUID()),
    batchesPerEpoch: maker.batchesPerEpoch,
    batches: (from) => sourceBatches(pool, maker, from),
    close: () => pool.close(),
  };
}
