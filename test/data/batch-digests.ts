// Digests of a source's batches, and a recipe small enough to make many of them.

import type { BatchSource, Cursor } from "../../runtime/batches/batch-source.js";
import { type AugmentationRecipe, DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { batchDigest } from "../../server/data/batch-digest.js";

/** Everything enabled, at 32 pixels: crops, flips, erasing, Mixup and CutMix. */
export const SMALL_RECIPE: AugmentationRecipe = { ...DEIT_RECIPE, size: 32, eraseProbability: 0.5 };

/** `count` digests starting at `from`; `onBatch` is called after each. */
export async function digestsOf(
  source: BatchSource,
  from: Cursor,
  count: number,
  onBatch: (done: number) => void | Promise<void> = () => {},
): Promise<string[]> {
  const digests: string[] = [];
  for await (const batch of source.batches(from)) {
    digests.push(`${batch.cursor.epoch}.${batch.cursor.batch} ${batchDigest(batch)}`);
    await onBatch(digests.length);
    if (digests.length === count) break;
  }
  return digests;
}
