// Beta variates by our own sampler, the same on every machine: λ of Mixup and CutMix.

import type { Chance } from "./counter.js";
import type { DrawMath } from "./math.js";

/**
 * Logarithm of a Gamma(shape, 1) variate: Marsaglia and Tsang, "A simple method for generating gamma variables" (2000);
 * below shape 1 a Gamma(shape + 1) variate times U^(1/shape). Logarithms keep small shapes from underflow.
 */
export function drawLogGamma(chance: Chance, math: DrawMath, shape: number): number {
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
