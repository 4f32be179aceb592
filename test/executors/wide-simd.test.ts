// Wide SIMD: operations that the engine fuses into 256-bit ones give the same bits as 128-bit ones.

import { spawnSync } from "node:child_process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeHost } from "../../runtime/host/node.js";

/** Prints every bit of a whole model's logits after enough calls for the engine's optimizing compiler. */
const SCRIPT = `
const from = (path) => import(new URL(path, process.env.DIST));
const { nodeHost } = await from("runtime/host/node.js");
const { createWasmExecutor } = await from("runtime/executors/wasm/executor.js");
const { createInference } = await from("runtime/inference/program.js");
const { benchConfig, benchPixels, benchWeights } = await from("bench/model-weights.js");
const tiny = benchConfig("deit_tiny_distilled_patch16_224");
const config = { ...tiny, imageSize: 64, patchSize: 8, dim: 96, depth: 2, heads: 3, mlpDim: 380, classes: 13 };
const executor = await createWasmExecutor(nodeHost());
const inference = await createInference(executor, config, benchWeights(config), { batchSizes: [3] });
const pixels = benchPixels(config, 3);
const end = performance.now() + 1000;
let logits;
do ({ logits } = await inference.logits(pixels, 3));
while (performance.now() < end);
console.log(Buffer.from(logits.buffer, logits.byteOffset, logits.byteLength).toString("hex"));
`;

function logitsWith(wideSimd: "on" | "off"): string {
  const env = { ...process.env, VITRINE_WIDE_SIMD: wideSimd, DIST: new URL("../../", import.meta.url).href };
  const child = spawnSync(process.execPath, ["--input-type=module", "-e", SCRIPT], { env, encoding: "utf8" });
  assert.is(child.status, 0, child.stderr);
  return child.stdout.trim();
}

test("256-bit operations change no bit of a model's logits", () => {
  const narrow = logitsWith("off");
  assert.is(narrow.length, 3 * 13 * 8);
  assert.is(logitsWith("on"), narrow);
});

test("an environment variable turns them off", () => {
  const before = process.env.VITRINE_WIDE_SIMD;
  process.env.VITRINE_WIDE_SIMD = "off";
  assert.is(nodeHost().enableWideSimd?.(), false);
  if (before === undefined) delete process.env.VITRINE_WIDE_SIMD;
  else process.env.VITRINE_WIDE_SIMD = before;
});

test.run();
