// WebGPU splits: weight gradients whose depth is split among workgroups, as on hardware GPUs, against sums in double.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { depthSplits } from "../../runtime/executors/webgpu/kernels/linear.js";
import type { GpuTier } from "../../runtime/executors/webgpu/tier.js";
import { GraphBuilder } from "../../runtime/graph/graph.js";
import { planProgram } from "../../runtime/graph/planner.js";
import { assertClose } from "../nn/compare.js";
import { Random } from "../nn/random.js";
import { tierTolerances } from "./tier-tolerances.js";
import { observedHost, webgpuOrSkip } from "./webgpu-device.js";

/** 9 samples of 131 tokens: splits that end inside a tile and inside a sample. */
const [SAMPLES, TOKENS] = [9, 131];
const DEPTH = SAMPLES * TOKENS;

interface Case {
  outputs: number;
  inputs: number;
  /** x is normalized, or dy has stochastic depth's scale. */
  joined?: "norm" | "scale";
  bias: boolean;
}

const CASES: Readonly<Record<string, Case>> = {
  "without fused parts": { outputs: 72, inputs: 68, bias: true },
  "of normed inputs": { outputs: 40, inputs: 36, joined: "norm", bias: true },
  "with a scale on the way": { outputs: 40, inputs: 36, joined: "scale", bias: true },
  "without a bias": { outputs: 8, inputs: 132, bias: false },
  "of sizes that are not multiples of 4": { outputs: 7, inputs: 30, joined: "norm", bias: true },
};

/** Values of a case's operands, and the previous values of the gradients. */
function randomOperands({ outputs, inputs }: Case) {
  const random = new Random(11);
  return {
    dy: random.normals(DEPTH * outputs),
    x: random.normals(DEPTH * inputs),
    scale: Float32Array.from({ length: SAMPLES }, (_, i) => (i % 3 === 0 ? 0 : 1.25)),
    mean: random.normals(DEPTH, 0.1),
    rstd: random.normals(DEPTH, 0.1, 1),
    normWeight: random.normals(inputs, 0.1, 1),
    normBias: random.normals(inputs, 0.1),
    weight: random.normals(outputs * inputs),
    bias: random.normals(outputs),
  };
}

type Drawn = ReturnType<typeof randomOperands>;
const at = (values: Float32Array, index: number) => values[index] as number;

function expected({ outputs, inputs, joined }: Case, given: Drawn): { weight: number[]; bias: number[] } {
  const weight = Array.from(given.weight);
  const bias = Array.from(given.bias);
  for (let depth = 0; depth < DEPTH; depth++)
    for (let output = 0; output < outputs; output++) {
      const scale = joined === "scale" ? at(given.scale, Math.floor(depth / TOKENS)) : 1;
      const gradient = scale * at(given.dy, depth * outputs + output);
      bias[output] = (bias[output] as number) + gradient;
      for (let input = 0; input < inputs; input++) {
        const standard =
          (at(given.x, depth * inputs + input) - at(given.mean, depth)) * at(given.rstd, depth);
        const normed = standard * at(given.normWeight, input) + at(given.normBias, input);
        const index = output * inputs + input;
        weight[index] =
          (weight[index] as number) +
          gradient * (joined === "norm" ? normed : at(given.x, depth * inputs + input));
      }
    }
  return { weight, bias };
}

function gradientGraph({ outputs, inputs, joined, bias }: Case): GraphBuilder {
  const graph = new GraphBuilder("a weight's gradient");
  const reads = {
    dy: graph.input("dy", [SAMPLES, TOKENS, outputs]),
    x: graph.input("x", [SAMPLES, TOKENS, inputs]),
  };
  const scale = joined === "scale" ? { scale: graph.input("scale", [SAMPLES]) } : {};
  const norm =
    joined === "norm"
      ? {
          mean: graph.input("mean", [SAMPLES, TOKENS]),
          rstd: graph.input("rstd", [SAMPLES, TOKENS]),
          normWeight: graph.input("normWeight", [inputs]),
          normBias: graph.input("normBias", [inputs]),
        }
      : {};
  const dWeight = graph.stored("gradients", "weight", [outputs, inputs]);
  const adds = bias ? { dWeight, dBias: graph.stored("gradients", "bias", [outputs]) } : { dWeight };
  graph.add("linearWeightGradient", { reads: { ...reads, ...scale, ...norm }, writes: {}, adds });
  return graph;
}

test("a weight's gradient is split only on a GPU, into enough workgroups and without small splits", () => {
  const small = { rows: 384, columns: 384, depth: 12_608 };
  assert.is(depthSplits("gpu", small), Math.ceil(512 / 36));
  assert.is(depthSplits("software", small), 1);
  assert.is(depthSplits("gpu", { ...small, depth: 500 }), 1);
  assert.is(depthSplits("gpu", { ...small, depth: 1100 }), 4);
  assert.is(depthSplits("gpu", { rows: 3072, columns: 768, depth: 12_608 }), 1);
});

for (const tier of ["float32", "float16"] satisfies GpuTier[]) {
  const gpu = await webgpuOrSkip(observedHost({ hardware: true }).host, tier);
  if (!gpu) continue;
  for (const [what, shape] of Object.entries(CASES))
    test(`${tier}: a gradient ${what} is added to the previous values`, async () => {
      const given = randomOperands(shape);
      const layout = { weight: given.weight.length, bias: given.bias.length };
      const store = gpu.createStore(new Map(Object.entries(layout)));
      store.write("weight", given.weight);
      store.write("bias", given.bias);
      const program = planProgram(gradientGraph(shape), gpu.capabilities);
      const executable = await gpu.compile(program, new Map([["gradients", store]]));
      const names = [...program.graph.inputs.keys()] as (keyof Drawn)[];
      await executable.run(Object.fromEntries(names.map((name) => [name, given[name]])));
      const want = expected(shape, given);
      // The rounding error of a long sum of random signs grows with the root of its length, as the sum does.
      const allowed = tierTolerances(tier).claims.values * Math.max(...want.weight.map(Math.abs));
      assertClose(await store.read("weight"), Float32Array.from(want.weight), allowed, "weight");
      const bias = shape.bias ? Float32Array.from(want.bias) : given.bias;
      assertClose(await store.read("bias"), bias, allowed, "bias");
      executable.dispose();
      store.dispose();
    });
  test.after(() => gpu.dispose());
}
test.run();
