// Layer rates: BEiT's factors, layer by layer.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { deitParameters } from "../../runtime/models/deit/parameters.js";
import { layerRates } from "../../trainer/core/layer-rates.js";
import { tinyConfig } from "./tiny-model.js";

const NAMES = [...deitParameters(tinyConfig()).keys()];

test("the head and the final norm have the whole rate, each block before them a factor less, the stem the least", () => {
  const rates = layerRates(NAMES, 0.5);
  assert.is(rates.size, NAMES.length);
  const wanted: Record<string, number> = {
    "head.weight": 1,
    "head_dist.bias": 1,
    "norm.weight": 1,
    "blocks.2.attn.qkv.weight": 0.5,
    "blocks.1.norm1.bias": 0.25,
    "blocks.0.mlp.fc2.weight": 0.125,
    pos_embed: 0.0625,
    cls_token: 0.0625,
    dist_token: 0.0625,
    "patch_embed.proj.bias": 0.0625,
  };
  for (const [name, factor] of Object.entries(wanted)) assert.is(rates.get(name), factor, name);
});

test("a decay of 1 names nothing, and a model without blocks is refused", () => {
  assert.is(layerRates(NAMES, 1).size, 0);
  assert.throws(() => layerRates(["stem.conv.weight", "head.fc.weight"], 0.9), /no numbered blocks/);
});

test.run();
