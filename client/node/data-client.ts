// Data client: data servers as a batch source that outlives their processes.

import { batchCost } from "../../proto/credits.js";
import { toRecipeMessage } from "../../proto/recipe-codec.js";
import type { BatchSource } from "../../runtime/batches/batch-source.js";
import { batchesPerEpoch } from "../../runtime/draw/order.js";
import { type Rank, rankCount } from "../../runtime/draw/ranks.js";
import type { AugmentationRecipe } from "../../runtime/draw/recipe.js";
import { VitrineError } from "../../runtime/errors.js";
import { BatchReader, type DataServerOptions } from "./batch-reader.js";

/** Which data servers to read from, and which batches. */
export interface DataClientOptions extends DataServerOptions, Rank {
  /** How images are augmented and mixed. `DEIT_RECIPE` has DeiT's numbers. */
  recipe: AugmentationRecipe;
  /** Images in one batch, of all ranks together: 1 to 4,096 a rank. */
  batchSize: number;
  /** Whole number from 0, below 2⁵³. */
  seed: number;
}

/**
 * Connects to a data server. Waits `timeoutSeconds` for one that is starting, and longer for one that is listing its
 * files, as long as their number grows.
 *
 * The source's `batches(cursor)` yields uint8 pixels [batchSize, size, size, 3] with labels, epoch after epoch; the
 * same cursor gives the same bytes from any server with the same data set. A server that goes away is retried for
 * `timeoutSeconds`, and the stream continues where it broke. Of several servers each makes a part of the batches: one
 * that fails, or falls behind, is replaced by the others, and takes part again when it can.
 *
 * Throws `usage/address`, `network/no-data-server`, `network/not-a-data-server`, `data/fingerprint-changed`,
 * `data/too-few-samples` where an epoch holds no full batch, `usage/rank`, and `protocol/credit-too-small`. Iterating throws
 * `data/bad-cursor`, `usage/recipe`, `network/data-server-gone` after `timeoutSeconds` without a server, and at once
 * what the server reports of a bad file (`jpeg/…`, `file/…`).
 *
 * ```ts
 * const source = await connectData({ address: "127.0.0.1:50051", recipe: DEIT_RECIPE, batchSize: 64, seed: 1 });
 * for await (const { pixels, labels } of source.batches({ epoch: 0, batch: 0 })) { … }
 * ```
 */
export async function connectData(options: DataClientOptions): Promise<BatchSource> {
  const { address, recipe, batchSize, seed, rank = 0, world = 1 } = options;
  const count = rankCount(batchSize, options);
  const batchBytes = batchCost(count, recipe.size);
  // An older server does not know the fields of ranks.
  const part = world > 1 ? { rank, world } : {};
  const open = { batchSize, seed, recipe: toRecipeMessage(recipe), ...part };
  const costs = { batchBytes, messageBytes: batchBytes, flag: "--data-server" };
  const reader = await BatchReader.connect({ ...options, ...costs }, ({ samples }) => {
    const perEpoch = batchesPerEpoch(samples, batchSize, recipe.repeats);
    if (perEpoch >= 1) return { open, size: recipe.size, batchesPerEpoch: perEpoch, countOf: () => count };
    throw new VitrineError(
      "data/too-few-samples",
      `${address}: ${samples} images do not fill one batch of ${batchSize}: lower --batch-size`,
      { details: { samples, batchSize } },
    );
  });
  return {
    description: reader.description,
    batchesPerEpoch: reader.batchesPerEpoch,
    batches: (from) => reader.batches(from),
    close: () => reader.close(),
  };
}
