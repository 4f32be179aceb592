// Random erasing: which rectangles of the finished sample are overwritten with noise. timm 0.3.2, RandomErasing.

import type { Chance } from "./counter.js";
import type { EraseDraw } from "./draw.js";
import type { DrawMath } from "./math.js";
import type { AugmentationRecipe } from "./recipe.js";
import { roundHalfEven } from "./rounding.js";

/** Bounds of the area's share and of the aspect ratio height / width; timm's defaults, which DeiT keeps. */
const AREA: readonly [number, number] = [0.02, 1 / 3];
const LOWEST_ASPECT = 0.3;
const TRIES = 10;

/**
 * Rectangles strictly smaller than the image, each the first of ten tries that fits, or none; empty with
 * 1 − probability. Where several are allowed, their number is drawn from 1 on, and they share the area.
 */
export function drawErasing(chance: Chance, math: DrawMath, recipe: AugmentationRecipe): EraseDraw[] {
  const { size, eraseProbability, eraseCount, eraseMode } = recipe;
  if (!(chance.uniform() < eraseProbability)) return [];
  const logAspect = math.log(1 / LOWEST_ASPECT);
  const boxes: EraseDraw[] = [];
  const count = eraseCount > 1 ? 1 + chance.integer(eraseCount) : eraseCount;
  for (let box = 0; box < count; box++) {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const target = (chance.between(AREA[0], AREA[1]) * size * size) / count;
      const aspect = math.exp(chance.between(-logAspect, logAspect));
      const height = roundHalfEven(Math.sqrt(target * aspect));
      const width = roundHalfEven(Math.sqrt(target / aspect));
      if (height >= size || width >= size) continue;
      const top = chance.integer(size - height + 1);
      const left = chance.integer(size - width + 1);
      boxes.push({ top, left, height, width, mode: eraseMode });
      break;
    }
  }
  return boxes;
}
