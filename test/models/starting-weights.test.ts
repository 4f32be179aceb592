// Starting weights: the part of a checkpoint that a model with other sizes starts from.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { completeConfig } from "../../runtime/models/deit/config.js";
import { deitParameters } from "../../runtime/models/deit/parameters.js";
import { startingWeights } from "../../runtime/models/starting-weights.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";

const SIZES = { imageSize: 16, patchSize: 4, dim: 4, depth: 1, heads: 2, classes: 3 };

/** A model whose values are all `value`. */
function model(value: number, sizes: Partial<DeitConfig> = {}): TensorMap {
  const shapes = deitParameters(completeConfig({ ...SIZES, ...sizes }, "test"));
  return new Map(
    Array.from(shapes, ([name, shape]) => {
      const data = new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value);
      return [name, { shape: [...shape], data }];
    }),
  );
}

const valuesOf = (weights: TensorMap, name: string): number[] => [...new Set(weights.get(name)?.data)];

test("a model of the same sizes is copied unchanged, without a notice", () => {
  const { weights, notices } = startingWeights(model(1), model(2), "file");
  for (const name of weights.keys()) assert.equal(valuesOf(weights, name), [1]);
  assert.equal(notices, []);
});

test("another number of classes gets new heads, and a notice says so", () => {
  const distilled = { distilled: true };
  const { weights, notices } = startingWeights(
    model(1, distilled),
    model(2, { ...distilled, classes: 5 }),
    "file",
  );
  for (const name of weights.keys()) assert.equal(valuesOf(weights, name), [/^head/.test(name) ? 2 : 1]);
  assert.is(notices.length, 4);
  assert.match(
    notices[0] as string,
    /file: head.weight is newly initialized as \[5, 4\], the file has \[3, 4\]/,
  );
});

test("another image size gets a resized position embedding, and a notice says so", () => {
  const { weights, notices } = startingWeights(model(1), model(2, { imageSize: 24 }), "file");
  assert.equal(weights.get("pos_embed")?.shape, [1, 37, 4]);
  assert.ok(weights.get("pos_embed")?.data.every((value) => Math.abs(value - 1) < 1e-6));
  assert.match(notices.join(), /pos_embed \[1, 17, 4\] is resized to \[1, 37, 4\]/);
});

test("a distilled model on a checkpoint without distillation gets a new token and second head", () => {
  const { weights, notices } = startingWeights(model(1), model(2, { distilled: true }), "file");
  const position = weights.get("pos_embed")?.data as Float32Array;
  assert.equal([...new Set(position.subarray(0, 4))], [1]);
  assert.equal([...new Set(position.subarray(4, 8))], [2]);
  assert.equal([...new Set(position.subarray(8))], [1]);
  assert.equal(valuesOf(weights, "dist_token"), [2]);
  assert.equal(valuesOf(weights, "head"), []);
  assert.equal(valuesOf(weights, "head_dist.weight"), [2]);
  assert.is(notices.length, 4);
});

test("a single register becomes the distillation token of a distilled model", () => {
  const { weights } = startingWeights(model(1, { registers: 1 }), model(2, { distilled: true }), "file");
  assert.equal(valuesOf(weights, "dist_token"), [1]);
  assert.equal(valuesOf(weights, "pos_embed"), [1]);
});

test("positions of the patches alone are resized without rows of tokens", () => {
  const deit3 = { layerScale: 1e-4, prefixPositions: false };
  const { weights } = startingWeights(model(1, deit3), model(2, { ...deit3, imageSize: 24 }), "file");
  assert.equal(weights.get("pos_embed")?.shape, [1, 36, 4]);
  assert.ok(weights.get("pos_embed")?.data.every((value) => Math.abs(value - 1) < 1e-6));
});

test("a plain model on a distilled checkpoint drops token and second head", () => {
  const { weights, notices } = startingWeights(model(1, { distilled: true }), model(2), "file");
  assert.equal(weights.size, model(1).size);
  assert.equal(valuesOf(weights, "pos_embed"), [1]);
  assert.match(notices.join(), /dist_token is not used.*head_dist.weight is not used/);
});

test("a block that does not fit is refused, naming tensor, expected and got", () => {
  const attempt = (sizes: Partial<DeitConfig>) => () => startingWeights(model(1), model(2, sizes), "file");
  assert.throws(attempt({ dim: 8 }), /file: tensor "cls_token" has shape \[1, 1, 4\], expected \[1, 1, 8\]/);
  assert.throws(attempt({ depth: 2 }), /tensor "blocks.1.norm1.weight" is missing/);
  const deep = () => startingWeights(model(1, { depth: 2 }), model(2), "file");
  assert.throws(deep, /tensor "blocks.1.norm1.weight" \[4\] is not part of a model/);
});

test.run();
