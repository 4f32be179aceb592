// Accepted recipe: the allowed ranges of an augmentation recipe, checked before anything is drawn or allocated.

import {
  batchCost,
  checkBatchBytes,
  MAX_BATCH_SIZE,
  MAX_GLOBAL_BATCH_SIZE,
  MAX_IMAGE_SIZE,
} from "../../proto/credits.js";
import { parseAugmentation } from "../../runtime/draw/augmentation.js";
import { SMALLEST_WINDOW } from "../../runtime/draw/order.js";
import { type Rank, rankCount } from "../../runtime/draw/ranks.js";
import type { AugmentationRecipe } from "../../runtime/draw/recipe.js";
import { VitrineError } from "../../runtime/errors.js";

function refuse(field: string, got: unknown, allowed: string, flag: string): never {
  throw new VitrineError(
    "usage/recipe",
    `${field} got ${JSON.stringify(got)}; allowed: ${allowed} (${flag})`,
    { details: { field, got: String(got) } },
  );
}

function wholeNumber(field: string, value: number, min: number, max: number, flag: string): void {
  if (!Number.isInteger(value) || value < min || value > max)
    refuse(field, value, `whole numbers from ${min} to ${max}`, flag);
}

function fraction(field: string, value: number, flag: string): void {
  if (!(value >= 0 && value <= 1)) refuse(field, value, "0 to 1", flag);
}

function atLeastZero(field: string, value: number, flag: string): void {
  if (!(value >= 0 && Number.isFinite(value))) refuse(field, value, "finite numbers from 0", flag);
}

function bounds(field: string, [low, high]: readonly [number, number], flag: string): void {
  if (!(low > 0 && low <= high && Number.isFinite(high)))
    refuse(field, [low, high], "two positive numbers, the smaller first", flag);
}

/**
 * `batchSize`: of all ranks together. Throws `usage/recipe` and `usage/bad-option`, naming the field and the trainer's
 * flag, and `usage/rank`.
 */
export function checkRecipe(recipe: AugmentationRecipe, batchSize: number, rank: Rank = {}): void {
  const { world = 1 } = rank;
  const most = world > 1 ? MAX_GLOBAL_BATCH_SIZE : MAX_BATCH_SIZE;
  wholeNumber("batch size", batchSize, 1, most, "--batch-size");
  const count = rankCount(batchSize, rank);
  wholeNumber("batch size of a rank", count, 1, MAX_BATCH_SIZE, "--batch-size");
  wholeNumber("image size", recipe.size, 1, MAX_IMAGE_SIZE, "the model's image_size");
  checkBatchBytes(batchCost(count, recipe.size));
  // Four pixels are reflected on each side, from inside the crop.
  if (recipe.simpleCrop) wholeNumber("image size", recipe.size, 9, MAX_IMAGE_SIZE, "--src");
  bounds("scale", recipe.scale, "--scale");
  if (recipe.scale[1] > 1)
    refuse("scale", recipe.scale, "fractions of the image's area, at most 1", "--scale");
  bounds("ratio", recipe.ratio, "--ratio");
  fraction("flip", recipe.flip, "--hflip");
  fraction("erase probability", recipe.eraseProbability, "--reprob");
  wholeNumber("erase count", recipe.eraseCount, 0, 16, "--recount");
  if (recipe.autoAugment !== null) parseAugmentation(recipe.autoAugment);
  atLeastZero("color jitter", recipe.colorJitter, "--color-jitter");
  atLeastZero("mixup", recipe.mixup, "--mixup");
  atLeastZero("cutmix", recipe.cutmix, "--cutmix");
  if (recipe.cutmixMinmax) {
    const [low, high] = recipe.cutmixMinmax;
    if (!(low >= 0 && low < high && high <= 1))
      refuse(
        "cutmix minmax",
        recipe.cutmixMinmax,
        "two fractions from 0 to 1, the smaller first",
        "--cutmix-minmax",
      );
  }
  fraction("mix probability", recipe.mixProbability, "--mixup-prob");
  fraction("mix switch probability", recipe.mixSwitchProbability, "--mixup-switch-prob");
  wholeNumber("mix off epoch", recipe.mixOffEpoch, 0, 2 ** 32 - 1, "--mixup-off-epoch");
  wholeNumber("repeats", recipe.repeats, 1, 64, "--repeats");
  if (recipe.shuffleWindow !== 0)
    wholeNumber("shuffle window", recipe.shuffleWindow, SMALLEST_WINDOW, 2 ** 32 - 1, "--shuffle-window");
}
