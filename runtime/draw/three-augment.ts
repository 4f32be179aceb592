// Three-augment: gray, solarized or blurred, one of them for every sample. DeiT III (arXiv 2204.07118), augment.py.

import type { Chance } from "./counter.js";
import type { AugmentOperation } from "./draw.js";

const SOLARIZE_THRESHOLD = 128;
const LEAST_RADIUS = 0.1;
const LARGEST_RADIUS = 2;

export function drawThreeAugment(chance: Chance): AugmentOperation[] {
  const choice = chance.integer(3);
  if (choice === 0) return [{ name: "Grayscale", argument: 0 }];
  if (choice === 1) return [{ name: "Solarize", argument: SOLARIZE_THRESHOLD }];
  return [{ name: "GaussianBlur", argument: chance.between(LEAST_RADIUS, LARGEST_RADIUS) }];
}
