// Attention maps: rollout equals the product of the blocks' matrices, and a model's program has its closed form where
// the attention is known.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createAttention } from "../../runtime/inference/attention.js";
import { attentionRollout, tokenAttention } from "../../runtime/inference/attention-rollout.js";
import { publishedRegnety } from "../../runtime/models/regnety/config.js";
import { SYNTHETIC, syntheticWeights } from "../models/synthetic-model.js";
import { assertClose } from "../nn/compare.js";

/** ½(mean of heads + identity), [tokens, tokens]. */
function mixed(block: Float32Array, tokens: number): number[][] {
  const heads = block.length / tokens ** 2;
  return Array.from({ length: tokens }, (_, i) =>
    Array.from({ length: tokens }, (_, j) => {
      let sum = 0;
      for (let head = 0; head < heads; head++) sum += block[(head * tokens + i) * tokens + j] as number;
      return (sum / heads + (i === j ? 1 : 0)) / 2;
    }),
  );
}

const times = (a: number[][], b: number[][]): number[][] =>
  a.map((row) => row.map((_, j) => row.reduce((sum, value, k) => sum + value * (b[k]?.[j] as number), 0)));

test("rollout is the row of the product of all blocks' matrices, the last block on the left", () => {
  const [tokens, heads, depth] = [5, 2, 3];
  const blocks = Array.from({ length: depth }, (_, block) => {
    const values = Float32Array.from(
      { length: heads * tokens ** 2 },
      (_, i) => ((i * 7 + block * 3) % 11) + 1,
    );
    for (let row = 0; row < values.length; row += tokens) {
      const sum = values.subarray(row, row + tokens).reduce((a, b) => a + b, 0);
      for (let j = 0; j < tokens; j++) values[row + j] = (values[row + j] as number) / sum;
    }
    return values;
  });
  const product = blocks
    .map((block) => mixed(block, tokens))
    .reduce((before, matrix) => times(matrix, before));
  const got = attentionRollout(blocks, Float64Array.of(1, 0, 0, 0, 0));
  got.forEach((value, j) => {
    assert.ok(Math.abs(value - (product[0]?.[j] as number)) < 1e-7, `token ${j}`);
  });
  assert.ok(Math.abs(got.reduce((a, b) => a + b, 0) - 1) < 1e-6);
});

test("the maps of the tokens that the heads read are what the rollout of one block is made from", () => {
  // Rollout of one block: half of the mean attention of the tokens that the heads read, at the patches.
  const block = new Float32Array(3 * 18 * 18).map((_, i) => ((i * 7919) % 13) + 1);
  for (let row = 0; row < block.length; row += 18) {
    const sum = block.subarray(row, row + 18).reduce((a, b) => a + b, 0);
    for (let j = 0; j < 18; j++) block[row + j] = (block[row + j] as number) / sum;
  }
  const start = new Float64Array(18).fill(0.5, 0, 2);
  const rollout = attentionRollout([block], start).subarray(2);
  const { depth, heads, tokens, values } = tokenAttention([block], 18, 16);
  assert.equal([depth, heads, tokens], [1, 3, 2]);
  const mean = Float64Array.from({ length: 16 }, (_, patch) => {
    let sum = 0;
    for (let row = 0; row < heads * tokens; row++) sum += values[row * 16 + patch] as number;
    return sum / (heads * tokens) / 2;
  });
  assertClose([...mean], Float32Array.from(rollout), 1e-6, "mean");
});

test("a model whose queries are zero attends to every token alike, in every block", async () => {
  const config = { ...SYNTHETIC, depth: 2 };
  const weights = syntheticWeights(config);
  for (const block of [0, 1]) {
    weights.get(`blocks.${block}.attn.qkv.weight`)?.data.fill(0, 0, 64 * 64);
    weights.get(`blocks.${block}.attn.qkv.bias`)?.data.fill(0, 0, 64);
  }
  const runtime = await createRuntime({ host: nodeHost(), device: "wasm", threads: 1 });
  try {
    const attention = await createAttention(runtime.executor, config, weights);
    const pixels = Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => (i * 31) % 256);
    const map = await attention?.rollout(pixels);
    assert.is(map?.grid, 4);
    assert.is(map?.values.length, 16);
    // 18 tokens: half of the class token's weight is spread evenly in each block, then half of what is left.
    for (const value of map?.values ?? []) assert.ok(Math.abs(value - 0.75 / 18) < 1e-6, `${value}`);
    attention?.dispose();
    const trained = await createAttention(runtime.executor, config, syntheticWeights(config));
    const { values = new Float32Array() } = (await trained?.rollout(pixels)) ?? {};
    assert.ok(Math.max(...values) > 1.01 * Math.min(...values), "attention of random weights is not even");
    trained?.dispose();
  } finally {
    await runtime.dispose();
  }
});

test("a convnet has no attention maps", async () => {
  const runtime = await createRuntime({ host: nodeHost(), device: "wasm", threads: 1 });
  try {
    const config = publishedRegnety("regnety_002");
    assert.is(config && (await createAttention(runtime.executor, config, new Map())), null);
  } finally {
    await runtime.dispose();
  }
});

test.run();
