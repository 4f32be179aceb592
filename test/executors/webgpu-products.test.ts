// WebGPU products: the large tile that hardware GPUs take, run on the software driver; and copies of weights in
// float16.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Executor } from "../../runtime/executors/executor.js";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import { productTile } from "../../runtime/executors/webgpu/product-tile.js";
import type { GpuTier } from "../../runtime/executors/webgpu/tier.js";
import { GraphBuilder } from "../../runtime/graph/graph.js";
import { planProgram } from "../../runtime/graph/planner.js";
import { nodeHost } from "../../runtime/host/node.js";
import { assertClose } from "../nn/compare.js";
import { Random } from "../nn/random.js";
import { tierTolerances } from "./tier-tolerances.js";
import { observedHost, webgpuOrSkip } from "./webgpu-device.js";

/** Enough tiles of 64×64 for the large one, with no size a multiple of it. */
const LONG = 1028;
const WIDE = 516;
const SHORT = 20;

/** The three products of a linear layer, each with a large result: x·weightᵀ, dy·weight, dyᵀ·x. */
function products(): GraphBuilder {
  const graph = new GraphBuilder("products");
  const x = graph.input("x", [LONG, SHORT]);
  const tall = graph.stored("weights", "tall", [WIDE, SHORT]);
  const y = graph.activation("y", [LONG, WIDE]);
  graph.add("linear", { reads: { x, weight: tall }, writes: { y }, attributes: { gelu: false } });
  const flat = graph.stored("weights", "flat", [SHORT, WIDE]);
  const dx = graph.activation("dx", [LONG, WIDE]);
  graph.add("linearInputGradient", { reads: { dy: x, weight: flat }, writes: { dx } });
  const [left, right] = [graph.input("left", [SHORT, LONG]), graph.input("right", [SHORT, WIDE])];
  const weight = graph.stored("gradients", "square", [LONG, WIDE]);
  graph.add("linearWeightGradient", { reads: { dy: left, x: right }, writes: {}, adds: { dWeight: weight } });
  graph.output("y", y);
  graph.output("dx", dx);
  return graph;
}

interface Products {
  results: Float32Array[];
  /** y after the weights were changed. */
  later: Float32Array;
}

async function run(executor: Executor): Promise<Products> {
  const random = new Random(5);
  const weights = executor.createStore(
    new Map([
      ["tall", WIDE * SHORT],
      ["flat", WIDE * SHORT],
    ]),
  );
  const gradients = executor.createStore(new Map([["square", LONG * WIDE]]));
  for (const name of ["tall", "flat"]) weights.write(name, random.normals(WIDE * SHORT));
  const stores = new Map([
    ["weights", weights],
    ["gradients", gradients],
  ]);
  const executable = await executor.compile(planProgram(products(), executor.capabilities), stores);
  const sizes = { x: LONG * SHORT, left: LONG * SHORT, right: WIDE * SHORT };
  const inputs = Object.fromEntries(
    Object.entries(sizes).map(([name, count]) => [name, random.normals(count)]),
  );
  const { y, dx } = await executable.run(inputs);
  const square = await gradients.read("square");
  weights.write("tall", random.normals(WIDE * SHORT));
  const { y: later } = await executable.run(inputs);
  executable.dispose();
  weights.dispose();
  gradients.dispose();
  return { results: [y as Float32Array, dx as Float32Array, square], later: later as Float32Array };
}

test("the sizes of this test take the large tile of hardware GPUs", () => {
  const [large, small] = [LONG, 64].map((rows) => productTile("gpu", { rows, columns: WIDE, vectors: true }));
  assert.is((large?.PM ?? 0) * (large?.WY ?? 0), 64);
  assert.is((small?.PM ?? 0) * (small?.WY ?? 0), 32);
});

const wasm = await createWasmExecutor(nodeHost());
const want = await run(wasm);
for (const tier of ["float32", "float16"] satisfies GpuTier[]) {
  const gpu = await webgpuOrSkip(observedHost({ hardware: true }).host, tier);
  if (!gpu) continue;
  test(`${tier}: the large tile agrees with wasm, before and after the weights change`, async () => {
    const got = await run(gpu);
    for (const [i, values] of [...want.results, want.later].entries()) {
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const allowed = tierTolerances(tier).claims.values * largest;
      assertClose([...got.results, got.later][i] as Float32Array, values, allowed, `result ${i}`);
    }
  });
  test(`${tier}: a store counts its copy and frees it`, async () => {
    const before = gpu.memory;
    const store = gpu.createStore(new Map([["w", 1000]]));
    const { bytes } = store;
    const graph = new GraphBuilder("one product");
    const weight = graph.stored("weights", "w", [10, 100]);
    const y = graph.activation("y", [1, 10]);
    const x = graph.input("x", [1, 100]);
    graph.add("linear", { reads: { x, weight }, writes: { y }, attributes: { gelu: false } });
    graph.output("y", y);
    const program = planProgram(graph, gpu.capabilities);
    const executable = await gpu.compile(program, new Map([["weights", store]]));
    assert.is(store.bytes, tier === "float16" ? 1.5 * bytes : bytes);
    executable.dispose();
    store.dispose();
    assert.equal(gpu.memory, before);
  });
  test.after(() => gpu.dispose());
}
test.run();
