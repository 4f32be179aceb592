// Sample draw: everything that will be done to one image, decided before any of it is decoded: crop, flip, operations,
// erased rectangles. timm 0.3.2, transforms.py and random_erasing.py.

import { roundHalfEven } from "../round-half-even.js";
import { drawAugmentation } from "./augmentation.js";
import type { AugmentOperation, Box, EraseDraw, ResizedWindow, SampleDraw } from "./draw.js";
import type { DrawKey } from "./draw-key.js";
import { type Chance, Domain, type DrawMath, drawStream } from "./random.js";
import type { AugmentationRecipe, Interpolation } from "./recipe.js";

/** Size of a picture in pixels. */
export interface ImageSize {
  width: number;
  height: number;
}

/** Attempts at a rectangle that fits, for the crop and for each erased rectangle. */
const TRIES = 10;

/**
 * Random resized crop: area fraction U(scale), aspect ratio width / height exp(U(log ratio)), position uniform. Ten
 * attempts, then the largest centered rectangle whose ratio is within bounds. A side that rounds to 0 (tiny images)
 * counts as a failed attempt. timm RandomResizedCropAndInterpolation.
 */
export function drawCrop(
  chance: Chance,
  math: DrawMath,
  { width, height }: ImageSize,
  scale: readonly [number, number],
  ratio: readonly [number, number],
): Box {
  const area = width * height;
  const logLow = math.log(ratio[0]);
  const logHigh = math.log(ratio[1]);
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const target = chance.between(scale[0], scale[1]) * area;
    const aspect = math.exp(chance.between(logLow, logHigh));
    const w = roundHalfEven(Math.sqrt(target * aspect));
    const h = roundHalfEven(Math.sqrt(target / aspect));
    if (w >= 1 && h >= 1 && w <= width && h <= height) {
      const top = chance.integer(height - h + 1);
      const left = chance.integer(width - w + 1);
      return { top, left, height: h, width: w };
    }
  }
  return centralCrop({ width, height }, ratio);
}

/** Pixels that are reflected on each side of the resized picture. */
const SIMPLE_CROP_MARGIN = 4;

/**
 * Simple random crop: the whole picture with its short side resized to `size` and the long one to int(size·long/short),
 * four more pixels on each side by reflection, and a square window of that, its position uniform. augment.py of
 * facebook's deit with --src: torchvision's Resize and RandomCrop(size, padding=4, padding_mode="reflect").
 */
function drawSimpleCrop(
  chance: Chance,
  { width, height }: ImageSize,
  size: number,
): { crop: Box; window: ResizedWindow } {
  const long = Math.trunc((size * Math.max(width, height)) / Math.min(width, height));
  const resized = width <= height ? { width: size, height: long } : { width: long, height: size };
  const place = (side: number) =>
    chance.integer(side + 2 * SIMPLE_CROP_MARGIN - size + 1) - SIMPLE_CROP_MARGIN;
  const top = place(resized.height);
  const left = place(resized.width);
  return { crop: { top: 0, left: 0, width, height }, window: { ...resized, top, left } };
}

/** The fallback: the whole image, cropped symmetrically if its ratio is out of bounds. */
function centralCrop({ width, height }: ImageSize, ratio: readonly [number, number]): Box {
  const narrowest = Math.min(...ratio);
  const widest = Math.max(...ratio);
  let w = width;
  let h = height;
  if (width / height < narrowest) h = Math.min(height, roundHalfEven(width / narrowest));
  else if (width / height > widest) w = Math.min(width, roundHalfEven(height * widest));
  return { top: Math.floor((height - h) / 2), left: Math.floor((width - w) / 2), height: h, width: w };
}

/** Bounds of the erased area as a fraction, and of the aspect ratio height / width; timm's defaults, as in DeiT. */
const ERASED_AREA: readonly [number, number] = [0.02, 1 / 3];
const LOWEST_ERASED_ASPECT = 0.3;

/**
 * Random erasing: rectangles strictly smaller than the image, each the first of ten attempts that fits, or none; empty
 * with probability 1 − `eraseProbability`. With `eraseCount` above 1 their number is drawn from 1 on, and the area is
 * divided among them. timm RandomErasing.
 */
export function drawErasing(chance: Chance, math: DrawMath, recipe: AugmentationRecipe): EraseDraw[] {
  const { size, eraseProbability, eraseCount, eraseMode } = recipe;
  if (!(chance.uniform() < eraseProbability)) return [];
  const logAspect = math.log(1 / LOWEST_ERASED_ASPECT);
  const boxes: EraseDraw[] = [];
  const count = eraseCount > 1 ? 1 + chance.integer(eraseCount) : eraseCount;
  for (let box = 0; box < count; box++) {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const target = (chance.between(ERASED_AREA[0], ERASED_AREA[1]) * size * size) / count;
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

/** Operations that interpolate between pixels. */
const GEOMETRY = /^(Rotate|Shear|Translate)/;

function drawInterpolation(chance: Chance): Interpolation {
  return chance.integer(2) === 0 ? "bilinear" : "bicubic";
}

/**
 * Draws what will be done to one image: a pure function of its key, its size in pixels as stored (`readHeader` has it)
 * and the recipe. Order and distributions of the draws are timm 0.3.2's. With `random` interpolation the resize and
 * every rotation, shear and translation draw theirs. `math` is `ImageModule.math`.
 *
 * Throws `usage/bad-option` for an augmentation string, `data/bad-key` for a key out of range.
 */
export function drawSample(
  math: DrawMath,
  key: DrawKey,
  image: ImageSize,
  recipe: AugmentationRecipe,
): SampleDraw {
  const chance = drawStream(math, key, Domain.Sample);
  const { interpolation } = recipe;
  const place = recipe.simpleCrop
    ? drawSimpleCrop(chance, image, recipe.size)
    : { crop: drawCrop(chance, math, image, recipe.scale, recipe.ratio) };
  const filter = interpolation === "random" ? drawInterpolation(chance) : interpolation;
  const flip = chance.uniform() < recipe.flip;
  const operations = drawAugmentation(chance, recipe).map(
    (operation): AugmentOperation =>
      interpolation === "random" && GEOMETRY.test(operation.name)
        ? { ...operation, filter: drawInterpolation(chance) }
        : operation,
  );
  const erase = drawErasing(chance, math, recipe);
  return { ...place, flip, filter, operations, erase, key };
}
