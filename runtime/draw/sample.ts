// Sample draw: everything that will be done to one image, decided before a byte of it is decoded.

import { drawStream } from "./counter.js";
import { Domain } from "./domain.js";
import type { DrawKey, SampleDraw } from "./draw.js";
import type { DrawMath } from "./math.js";
import { drawOperations, parseRandAugment, type RandAugmentSpec } from "./rand-augment.js";
import { drawErasing } from "./random-erasing.js";
import { drawCrop, type ImageSize } from "./random-resized-crop.js";
import type { AugmentationRecipe } from "./recipe.js";

/** Strings are read once: a recipe lives for a whole run. */
const specs = new Map<string, RandAugmentSpec>();

function specOf(text: string): RandAugmentSpec {
  let spec = specs.get(text);
  if (spec === undefined) specs.set(text, (spec = parseRandAugment(text)));
  return spec;
}

/**
 * (seed, epoch, index, repeat) and the image's size in pixels → crop, flip, RandAugment operations, erase boxes.
 * The order of the draws is timm's; so are the distributions. Throws `usage/bad-option` for a RandAugment string.
 */
export function drawSample(
  math: DrawMath,
  key: DrawKey,
  image: ImageSize,
  recipe: AugmentationRecipe,
): SampleDraw {
  const chance = drawStream(math, key, Domain.Sample);
  const crop = drawCrop(chance, math, image, recipe.scale, recipe.ratio);
  const flip = chance.uniform() < recipe.flip;
  const operations = recipe.randAugment === null ? [] : drawOperations(chance, specOf(recipe.randAugment));
  const erase = drawErasing(chance, math, recipe);
  return { crop, flip, operations, erase, key };
}
