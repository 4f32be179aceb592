// Mix: how the samples of a batch are mixed, by Mixup or CutMix, and the targets that follow. timm 0.3.2, mixup.py.

import { VitrineError } from "../errors.js";
import type { BatchDraw, Box, MixDraw } from "./draw.js";
import type { DrawKey } from "./draw-key.js";
import { type Chance, Domain, type DrawMath, drawStream } from "./random.js";
import { RecentDraws } from "./recent-draws.js";
import type { AugmentationRecipe } from "./recipe.js";

/**
 * Logarithm of a Gamma(shape, 1) variate: Marsaglia and Tsang, "A simple method for generating gamma variables" (2000);
 * below shape 1 a Gamma(shape + 1) variate times U^(1/shape). Logarithms prevent underflow at small shapes. NumPy's
 * sampler is not used because its numbers differ between machines.
 */
function drawLogGamma(chance: Chance, math: DrawMath, shape: number): number {
  const boost = shape < 1 ? math.log(1 - chance.uniform()) / shape : 0;
  const d = (shape < 1 ? shape + 1 : shape) - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = chance.gaussian(0, 1);
    const root = 1 + c * x;
    if (root <= 0) continue;
    const v = root * root * root;
    const logV = math.log(v);
    const logU = math.log(1 - chance.uniform());
    if (logU < 0.5 * x * x + d - d * v + d * logV) return math.log(d) + logV + boost;
  }
}

/** Beta(shape, shape) in [0, 1]: X / (X + Y) of two gamma variates. */
export function drawBeta(chance: Chance, math: DrawMath, shape: number): number {
  const x = drawLogGamma(chance, math, shape);
  const y = drawLogGamma(chance, math, shape);
  return 1 / (1 + math.exp(y - x));
}

const NONE: MixDraw = { kind: "none", lambda: 1, box: null };

/**
 * The rectangle that CutMix copies: sides √(1 − λ) of the image's, around the center (row, column), clipped at the
 * borders. Halves are floored, so an odd side loses a pixel, as in timm.
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

/** λ of the target: the fraction of the image that the box leaves. */
export function correctedLambda(box: Box, height: number, width: number): number {
  return 1 - (box.height * box.width) / (height * width);
}

/** Length of a box's side, between two fractions of the image's (upper bound excluded), and its start. */
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

/** The pure function that `drawBatch` is. */
function drawMixes(math: DrawMath, key: DrawKey, batchSize: number, recipe: AugmentationRecipe): BatchDraw {
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

/** Released with the module that they were drawn by. */
const RECENT = new WeakMap<DrawMath, RecentDraws>();

/**
 * Draws how a batch is mixed: a pure function of its key (seed, epoch, and the batch's number as index), the number of
 * samples and the recipe. Mode `batch`: one mix for all; `pair`: one for samples b and batchSize − 1 − b; `elem`: one
 * for each; nothing is mixed from epoch `mixOffEpoch` on. The middle sample of an odd batch is its own partner. `math` is `ImageModule.math`. λ ~ Beta(α, α), from
 * Mixup (arXiv 1710.09412) or CutMix (arXiv 1905.04899), the distributions as in timm 0.3.2.
 *
 * Throws `usage/bad-option` for `cutmixMinmax` that leaves no choice, `data/bad-key` for a key out of range.
 */
export function drawBatch(
  math: DrawMath,
  key: DrawKey,
  batchSize: number,
  recipe: AugmentationRecipe,
): BatchDraw {
  const { mixOffEpoch } = recipe;
  if (mixOffEpoch > 0 && key.epoch >= mixOffEpoch) return { samples: new Array(batchSize).fill(NONE) };
  const { seed, epoch, index, repeat } = key;
  const { size, mixMode, mixup, cutmix, cutmixMinmax, mixProbability, mixSwitchProbability } = recipe;
  const of = [seed, epoch, index, repeat, batchSize, size, mixMode, mixup, cutmix, cutmixMinmax];
  const recent = RECENT.get(math) ?? new RecentDraws();
  RECENT.set(math, recent);
  const id = JSON.stringify([of, mixProbability, mixSwitchProbability]);
  return recent.get(id, () => drawMixes(math, key, batchSize, recipe));
}

/** Labels and mixing weights of a batch. */
export interface TargetOptions {
  /** Number of classes. */
  classes: number;
  /** Label smoothing ε: ε / classes on every class, 1 − ε more on the label. */
  smoothing: number;
  /** Class of each sample, [batch]. */
  labels: ArrayLike<number>;
  /** Class of the sample that it is mixed with, [batch]. */
  partnerLabels: ArrayLike<number>;
  /** λ, the weight of the sample's own label, [batch]. */
  lambdas: ArrayLike<number>;
}

/**
 * Target distributions over the classes: λ·y + (1 − λ)·y(partner) of the smoothed labels, float32 [batch, classes], in
 * `into` or a new array; computed in double, rounded once. timm 0.3.2, mixup_target.
 *
 * Throws `data/label-out-of-range`.
 */
export function mixTargets(options: TargetOptions, into?: Float32Array): Float32Array {
  const { classes, smoothing, labels, partnerLabels, lambdas } = options;
  const batch = labels.length;
  const targets = into ?? new Float32Array(batch * classes);
  const off = smoothing / classes;
  const on = 1 - smoothing + off;
  for (let b = 0; b < batch; b++) {
    const label = labels[b];
    const partner = partnerLabels[b];
    const lambda = lambdas[b];
    for (const index of [label, partner])
      if (!(index >= 0 && index < classes))
        throw new VitrineError(
          "data/label-out-of-range",
          `label ${index} of sample ${b} is outside the ${classes} classes`,
          { details: { label: index, classes } },
        );
    const row = b * classes;
    targets.fill(lambda * off + (1 - lambda) * off, row, row + classes);
    if (label === partner) targets[row + label] = lambda * on + (1 - lambda) * on;
    else {
      targets[row + label] = lambda * on + (1 - lambda) * off;
      targets[row + partner] = lambda * off + (1 - lambda) * on;
    }
  }
  return targets;
}
