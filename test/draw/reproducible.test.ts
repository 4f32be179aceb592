// Draws are part of a run's reproducibility: on every engine and in every release they have these values.

import { createHash } from "node:crypto";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { drawBranchScales } from "../../runtime/draw/drop-path.js";
import { drawBatch } from "../../runtime/draw/mix.js";
import { createOrder, permutedIndex } from "../../runtime/draw/order.js";
import { Domain } from "../../runtime/draw/random.js";
import { type AugmentationRecipe, DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { drawSample } from "../../runtime/draw/sample.js";
import { testMath } from "./draw-fixture.js";

const math = await testMath();
const KEYS = Array.from({ length: 400 }, (_, i) => ({
  seed: 7 * i,
  epoch: i % 9,
  index: i * i,
  repeat: i % 3,
}));
const RECIPE: AugmentationRecipe = { ...DEIT_RECIPE, size: 224, autoAugment: "rand-m9-mstd0.5-inc1" };

function digest(values: string | Float32Array): string {
  const bytes = typeof values === "string" ? values : new Uint8Array(values.buffer);
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}

test("orders", () => {
  const order = createOrder(math, { fingerprint: "a1b2", samples: 50_000, seed: 3, repeats: 1 });
  assert.is(digest(JSON.stringify(KEYS.map((_, rank) => permutedIndex(order, 4, rank)))), "7567b41f8e4e1c78");
});

test("samples, with every operation's argument and every erase box", () => {
  const draws = KEYS.map((key) => drawSample(math, key, { width: 500, height: 375 }, RECIPE));
  assert.ok(draws.every(({ filter }) => filter === "bicubic"));
  const drawn = draws.map(({ crop, flip, operations, erase, key }) => ({
    crop,
    flip,
    operations,
    erase,
    key,
  }));
  assert.is(digest(JSON.stringify(drawn)), "12b8fdfa11cf4435");
});

test("batches in every mode", () => {
  const draws = (["batch", "pair", "elem"] as const).flatMap((mixMode) =>
    KEYS.map((key) => drawBatch(math, key, 4, { ...RECIPE, mixMode })),
  );
  assert.is(digest(JSON.stringify(draws)), "1c8dffe8bdf3ac10");
});

test("initial weights and stochastic depth", () => {
  const key = { seed: 11, epoch: 0, index: 5, repeat: 0 };
  assert.is(digest(math.normals(key, Domain.Initialization, 20_001)), "8f4c39850269a527");
  assert.is(digest(drawBranchScales(math, key, { depth: 12, rate: 0.1, batch: 64 })), "3efe5eb2bfbe715c");
});

test.run();
