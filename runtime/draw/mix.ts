// Batch draw: how the samples of a batch are mixed, by Mixup or CutMix. timm 0.3.2, mixup.py.

import { VitrineError } from "../errors.js";
import { drawBeta } from "./beta.js";
import { type Chance, drawStream } from "./counter.js";
import { Domain } from "./domain.js";
import type { BatchDraw, Box, DrawKey, MixDraw } from "./draw.js";
import type { DrawMath } from "./math.js";
import type { AugmentationRecipe } from "./recipe.js";

const NONE: MixDraw = { kind: "none", lambda: 1, box: null };

/**
 * The rectangle that CutMix copies: sides √(1 − λ) of the image's, around the center (row, column), cut at the borders.
 * Halves are floored, so an odd side loses a pixel, as in timm.
 */
export function cutmixBox(height: number, width: number, lambda: number, row: number, column: number): Box {
  const ratio = Math.sqrt(1 - lambda);
  const halfHeight = Math.floor(Math.trunc(height * ratio) / 2);
  const halfWidth = Math.floor(Math.trunc(width * ratio) / 2);
  const clip = (value: number, limit: number): number => Math.min(limit, Math.max(0, value));
  const top = clip(row - halfHeight, height);
  const left = clip(column - halfWidth, width);
  return {
    top,
    left,
    height: clip(row + halfHeight, height) - top,
    width: clip(column + halfWidth, width) - left,
  };
}

/** λ of the target: the share of the image that the box leaves. */
export function correctedLambda(box: Box, height: number, width: number): number {
  return 1 - (box.height * box.width) / (height * width);
}

/** Side of a box between two shares of the image's side, upper end excluded, and where it begins. */
function drawSpan(chance: Chance, size: number, [low, high]: readonly [number, number]): [number, number] {
  const least = Math.trunc(size * low);
  const most = Math.trunc(size * high);
  if (!(least >= 0 && least < most && most <= size))
    throw new VitrineError(
      "usage/bad-option",
      `CutMix sides of ${low} to ${high} leave no choice at ${size} pixels: the second must be larger, both within 0 to 1 (--cutmix-minmax)`,
    );
  const length = least + chance.integer(most - least);
  return [length, chance.integer(size - length)];
}

function drawMix(chance: Chance, math: DrawMath, recipe: AugmentationRecipe): MixDraw {
  const { size, mixup, cutmixMinmax } = recipe;
  const cutmix = cutmixMinmax === null ? recipe.cutmix : 1;
  if (!(mixup > 0 || cutmix > 0)) return NONE;
  if (!(chance.uniform() < recipe.mixProbability)) return NONE;
  const cuts = mixup > 0 && cutmix > 0 ? chance.uniform() < recipe.mixSwitchProbability : cutmix > 0;
  const lambda = drawBeta(chance, math, cuts ? cutmix : mixup);
  if (lambda === 1) return NONE;
  if (!cuts) return { kind: "mixup", lambda, box: null };
  let box: Box;
  if (cutmixMinmax === null) {
    const row = chance.integer(size);
    const column = chance.integer(size);
    box = cutmixBox(size, size, lambda, row, column);
  } else {
    const [height, top] = drawSpan(chance, size, cutmixMinmax);
    const [width, left] = drawSpan(chance, size, cutmixMinmax);
    box = { top, left, height, width };
  }
  return { kind: "cutmix", lambda: correctedLambda(box, size, size), box };
}

/**
 * (seed, epoch, batch number as index) → one mix per sample. `batch`: the same for all; `pair`: the same for samples b
 * and batchSize − 1 − b; `elem`: each its own. The middle sample of an odd batch has itself for a partner.
 */
export function drawBatch(
  math: DrawMath,
  key: DrawKey,
  batchSize: number,
  recipe: AugmentationRecipe,
): BatchDraw {
  const chance = drawStream(math, key, Domain.Mix);
  const samples: MixDraw[] = [];
  if (recipe.mixMode === "batch") {
    const mix = drawMix(chance, math, recipe);
    for (let b = 0; b < batchSize; b++) samples.push(mix);
  } else if (recipe.mixMode === "elem") {
    for (let b = 0; b < batchSize; b++) samples.push(drawMix(chance, math, recipe));
  } else {
    for (let b = 0; b < batchSize; b++) {
      const partner = batchSize - 1 - b;
      samples.push(b > partner ? (samples[partner] as MixDraw) : drawMix(chance, math, recipe));
    }
  }
  return { samples };
}
