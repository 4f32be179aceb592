// Color jitter: brightness, contrast and color changed by drawn factors, in a drawn order. torchvision's ColorJitter
// with one strength for the three and no hue, as timm calls it.

import type { Chance } from "./counter.js";
import type { AugmentOperation } from "./draw.js";

/** Factors U(max(0, 1 − strength), 1 + strength), every order equally likely; nothing at strength 0. */
export function drawColorJitter(chance: Chance, strength: number): AugmentOperation[] {
  if (strength === 0) return [];
  const operations = ["Brightness", "Contrast", "Color"].map((name) => ({
    name,
    argument: chance.between(Math.max(0, 1 - strength), 1 + strength),
  }));
  for (let left = operations.length; left > 1; left--) {
    const [taken] = operations.splice(chance.integer(left), 1);
    operations.push(taken as AugmentOperation);
  }
  return operations;
}
