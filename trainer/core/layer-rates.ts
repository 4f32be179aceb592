// Layer rates: the factor on each parameter's learning rate that --layer-decay asks for (BEiT, arXiv 2106.08254).

import { VitrineError } from "../../runtime/errors.js";

const STEM = /^(patch_embed\.|pos_embed$|cls_token$|dist_token$|reg_token$)/;

/**
 * decay^(depth + 1 − layer) for each name: layer 0 is what precedes the blocks, layer i + 1 block i, and layer depth + 1
 * the final norm and the heads, as in BEiT's and MAE's code. Empty for a decay of 1. Throws `usage/training` for a model
 * without numbered blocks.
 */
export function layerRates(names: readonly string[], decay: number): Map<string, number> {
  if (decay === 1) return new Map();
  const blocks = names.map((name) => Number(/^blocks\.(\d+)\./.exec(name)?.[1] ?? -1));
  const depth = 1 + blocks.reduce((most, block) => Math.max(most, block), -1);
  if (depth === 0)
    throw new VitrineError(
      "usage/training",
      `--layer-decay ${decay}: this model has no numbered blocks; leave it out`,
    );
  const layerOf = (name: string, block: number): number =>
    block >= 0 ? block + 1 : STEM.test(name) ? 0 : depth + 1;
  return new Map(
    names.map((name, place) => {
      let factor = 1;
      for (let left = depth + 1 - layerOf(name, blocks[place]); left > 0; left--) factor *= decay;
      return [name, factor];
    }),
  );
}
