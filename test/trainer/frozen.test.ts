// Frozen parameters: which tensors --freeze and --attn-only name, on a DeiT's and a RegNetY's own names.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { deitParameters } from "../../runtime/models/deit/parameters.js";
import { frozenNames } from "../../trainer/core/frozen.js";
import { tinyConfig } from "./tiny-model.js";

const NAMES = [...deitParameters(tinyConfig()).keys()];
const CONVNET = ["stem.conv.weight", "stem.bn.weight", "s1.b1.conv1.conv.weight", "head.fc.weight"];
const frozen = (freeze: string | null, attnOnly = false, names = NAMES) =>
  frozenNames(names, { freeze, attnOnly });

test("without flags nothing is frozen", () => {
  assert.equal(frozen(null), []);
  assert.equal(frozen(""), []);
});

test("--freeze backbone is everything but the heads, of a model of either family", () => {
  const kept = NAMES.filter((name) => !frozen("backbone").includes(name));
  assert.equal(kept.sort(), ["head.bias", "head.weight", "head_dist.bias", "head_dist.weight"]);
  const regnety = ["stem.conv.weight", "s1.b1.conv1.bn.weight", "head.fc.weight", "head.fc.bias"];
  assert.equal(frozen("backbone", false, regnety), regnety.slice(0, 2));
});

test("--freeze N is the stem and the first N blocks", () => {
  const none = frozen("0");
  assert.equal(none.sort(), [
    "cls_token",
    "dist_token",
    "patch_embed.proj.bias",
    "patch_embed.proj.weight",
    "pos_embed",
  ]);
  const two = frozen("2");
  assert.ok(two.includes("blocks.0.norm1.weight") && two.includes("blocks.1.mlp.fc2.bias"));
  assert.not.ok(two.some((name) => /^blocks\.2\.|^norm|^head/.test(name)));
  assert.is(two.length, none.length + NAMES.filter((name) => /^blocks\.[01]\./.test(name)).length);
});

test("patterns are whole names, in which * is any text and nothing else is special", () => {
  assert.equal(frozen("pos_embed"), ["pos_embed"]);
  assert.equal(
    frozen("blocks.1.attn.*, cls_token"),
    NAMES.filter((name) => name.startsWith("blocks.1.attn.") || name === "cls_token"),
  );
  assert.throws(() => frozen("blocks?1*"), /matches no tensor/);
  assert.equal(frozen("stem.*", false, CONVNET), CONVNET.slice(0, 2));
});

test("--attn-only trains what main.py's does: attention, positions and heads", () => {
  const trained = NAMES.filter((name) => !frozen(null, true).includes(name));
  assert.equal(
    trained,
    NAMES.filter((name) => name.includes(".attn.") || name === "pos_embed" || name.startsWith("head")),
  );
});

test("what cannot be meant is refused", () => {
  assert.throws(() => frozen("4"), /--freeze 4: the model has 3 blocks/);
  assert.throws(() => frozen("2", false, CONVNET), /no numbered blocks; give patterns/);
  assert.throws(() => frozen("*"), /no parameter to train/);
  assert.throws(() => frozen("heads.*"), /"heads\.\*" matches no tensor of the model; it has /);
});

test.run();
