// Open request: the first message of a stream, checked field by field before anything is allocated.

import { batchCost, creditTooSmall } from "../../proto/credits.js";
import type { OpenRequest } from "../../proto/data-service.js";
import { fromRecipeMessage } from "../../proto/recipe-codec.js";
import type { Cursor } from "../../runtime/batches/batch-source.js";
import type { AugmentationRecipe } from "../../runtime/draw/recipe.js";
import { VitrineError } from "../../runtime/errors.js";
import { checkRecipe } from "./accepted-recipe.js";

export interface StreamSettings {
  recipe: AugmentationRecipe;
  batchSize: number;
  seed: number;
  cursor: Cursor;
  /** Credit window in bytes. */
  window: number;
  /** What one batch costs of it. */
  batchBytes: number;
}

/** Throws `data/fingerprint-changed`, `protocol/credit-too-small`, `protocol/bad-open`, `usage/recipe`. */
export function checkOpen(open: OpenRequest, fingerprint: string): StreamSettings {
  if (open.fingerprint && open.fingerprint !== fingerprint)
    throw new VitrineError(
      "data/fingerprint-changed",
      `the data set has fingerprint ${fingerprint.slice(0, 12)}…, the client expects ${open.fingerprint.slice(0, 12)}…: serve the data set that the run began with, or begin a new run`,
      { details: { expected: open.fingerprint, found: fingerprint } },
    );
  if (!open.recipe) throw new VitrineError("protocol/bad-open", "the first request has no recipe");
  const recipe = fromRecipeMessage(open.recipe);
  const batchSize = open.batchSize ?? 0;
  checkRecipe(recipe, batchSize);
  const seed = open.seed ?? 0;
  if (!Number.isSafeInteger(seed))
    throw new VitrineError("protocol/bad-open", `seed is ${seed}; allowed: below 2^53`);
  const batchBytes = batchCost(batchSize, recipe.size);
  const window = open.creditBytes ?? 0;
  if (window < batchBytes) throw creditTooSmall(batchBytes, window);
  const cursor = { epoch: open.cursor?.epoch ?? 0, batch: open.cursor?.batch ?? 0 };
  return { recipe, batchSize, seed, cursor, window, batchBytes };
}
