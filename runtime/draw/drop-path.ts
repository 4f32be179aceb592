// Drop path (stochastic depth): the residual branches that a sample skips. timm 0.3.2, drop.py and
// vision_transformer.py.

import type { DrawKey } from "./draw-key.js";
import { Domain, type DrawMath } from "./random.js";

/**
 * Drop rates from 0 in the first block to `rate` in the last, float32 [depth], as torch.linspace: computed from both
 * ends toward the middle. (Where torch switches ends depends on its vector width, so a last bit may differ.)
 */
export function dropPathRates(depth: number, rate: number): Float32Array {
  const rates = new Float32Array(depth);
  if (depth === 1) return rates;
  const end = Math.fround(rate);
  const step = Math.fround(end / (depth - 1));
  for (let block = 0; block < depth; block++)
    rates[block] = block < depth / 2 ? step * block : end - step * (depth - block - 1);
  return rates;
}

/**
 * Factor of each residual branch, float32 [depth, branches, batch]: 0 where the sample skips it, else 1 / (1 − rate).
 * All `branches` of a block (default 2: attention, MLP) have the block's rate and draws of their own.
 */
export function drawBranchScales(
  math: DrawMath,
  key: DrawKey,
  { depth, branches = 2, rate, batch }: { depth: number; branches?: number; rate: number; batch: number },
): Float32Array {
  const rates = dropPathRates(depth, rate);
  const scales = math.uniforms(key, Domain.DropPath, depth * branches * batch);
  for (let i = 0; i < scales.length; i++) {
    const drop = rates[Math.floor(i / (branches * batch))];
    scales[i] = scales[i] < drop ? 0 : 1 / (1 - drop);
  }
  return scales;
}
