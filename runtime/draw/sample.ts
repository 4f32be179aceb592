// Sample draw: everything that will be done to one image, decided before a byte of it is decoded.

import { drawAugmentation } from "./augmentation.js";
import { type Chance, drawStream } from "./counter.js";
import { Domain } from "./domain.js";
import type { AugmentOperation, DrawKey, SampleDraw } from "./draw.js";
import type { DrawMath } from "./math.js";
import { drawErasing } from "./random-erasing.js";
import { drawCrop, type ImageSize } from "./random-resized-crop.js";
import type { AugmentationRecipe, Interpolation } from "./recipe.js";

/** Operations that look between pixels. */
const GEOMETRY = /^(Rotate|Shear|Translate)/;

function drawInterpolation(chance: Chance): Interpolation {
  return chance.integer(2) === 0 ? "bilinear" : "bicubic";
}

/**
 * (seed, epoch, index, repeat) and the image's size in pixels → crop, flip, operations, erase boxes. The order of the
 * draws is timm's; so are the distributions. With `random` interpolation the resize and every rotation, shear and
 * translation draw theirs. Throws `usage/bad-option` for an augmentation string.
 */
export function drawSample(
  math: DrawMath,
  key: DrawKey,
  image: ImageSize,
  recipe: AugmentationRecipe,
): SampleDraw {
  const chance = drawStream(math, key, Domain.Sample);
  const { interpolation } = recipe;
  const crop = drawCrop(chance, math, image, recipe.scale, recipe.ratio);
  const filter = interpolation === "random" ? drawInterpolation(chance) : interpolation;
  const flip = chance.uniform() < recipe.flip;
  const operations = drawAugmentation(chance, recipe).map(
    (operation): AugmentOperation =>
      interpolation === "random" && GEOMETRY.test(operation.name)
        ? { ...operation, filter: drawInterpolation(chance) }
        : operation,
  );
  const erase = drawErasing(chance, math, recipe);
  return { crop, flip, filter, operations, erase, key };
}
