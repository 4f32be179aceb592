// Random resized crop: which rectangle of an image is looked at. timm 0.3.2, RandomResizedCropAndInterpolation.

import type { Chance } from "./counter.js";
import type { Box } from "./draw.js";
import type { DrawMath } from "./math.js";
import { roundHalfEven } from "./rounding.js";

export interface ImageSize {
  width: number;
  height: number;
}

const TRIES = 10;

/**
 * Area share U(scale), aspect ratio width / height exp(U(log ratio)), place uniform. Ten tries, then the largest
 * centered rectangle whose ratio is within bounds. A side that rounds to 0 (tiny images) counts as a failed try.
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

/** What is left when no try fits: the whole image, cut symmetrically where its ratio is out of bounds. */
function centralCrop({ width, height }: ImageSize, ratio: readonly [number, number]): Box {
  const narrowest = Math.min(...ratio);
  const widest = Math.max(...ratio);
  let w = width;
  let h = height;
  if (width / height < narrowest) h = Math.min(height, roundHalfEven(width / narrowest));
  else if (width / height > widest) w = Math.min(width, roundHalfEven(height * widest));
  return { top: Math.floor((height - h) / 2), left: Math.floor((width - w) / 2), height: h, width: w };
}
