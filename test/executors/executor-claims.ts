// Executor claims: on any executor, graphs, losses, gradients and optimizer steps agree with the wasm executor's.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import type { Executor } from "../../runtime/executors/executor.js";
import { GraphBuilder } from "../../runtime/graph/graph.js";
import { gelu } from "../../runtime/graph/operations/activations.js";
import { planProgram } from "../../runtime/graph/planner.js";
import type { ProgramOutputs } from "../../runtime/graph/program.js";
import { createInference } from "../../runtime/inference/program.js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import type { TrainingInputs, TrainingOptions } from "../../runtime/training/contract.js";
import { createTraining } from "../../runtime/training/program.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { type RandomGraph, randomGraph } from "../graph/random-graph.js";
import { SYNTHETIC_REGNETY, syntheticRegnety } from "../models/synthetic-regnety.js";
import { assertClose } from "../nn/compare.js";
import { Random } from "../nn/random.js";
import { MICRO, randomPixels, randomWeights, STEP, trainingInputs, trainingOptions } from "./micro-deit.js";
import type { ClaimTolerances } from "./tier-tolerances.js";

/** DeiT III: LayerScale, and positions on the patches alone. */
const DEIT3: DeitConfig = { ...MICRO, distilled: false, layerScale: 0.1, prefixPositions: false };
/** What else timm's ViT has: registers, averaged patches, no biases. */
const POOLED: DeitConfig = { ...MICRO, distilled: false, registers: 3, qkvBias: false, pool: "avg" };

/** Heads of 6 values. */
const NARROW = { ...MICRO, dim: 36, heads: 6 };

/** Registers the tests: `executor` computes the results of the wasm executor, within `tolerances`. */
export function claimsAgainstWasm(executor: Executor, wasm: Executor, tolerances: ClaimTolerances): void {
  test("random graphs have the same outputs, with operands that share memory too", async () => {
    for (let seed = 1; seed <= 8; seed++) {
      const drawn = randomGraph(new Random(seed), 24);
      const [got, want] = [await outputsOf(executor, drawn), await outputsOf(wasm, drawn)];
      assert.equal(Object.keys(got), Object.keys(want));
      for (const name of Object.keys(want))
        assertNear(got[name], want[name], tolerances.values, `${seed} ${name}`);
    }
  });

  test("logits of bytes agree for every batch size", async () => {
    const pixels = randomPixels(MICRO, 5, 3);
    const logits: Float32Array[] = [];
    for (const each of [executor, wasm]) {
      const inference = await createInference(each, MICRO, randomWeights(MICRO, 1), {
        batchSizes: [1, 4],
      });
      logits.push((await inference.logits(pixels, 5)).logits);
      // Decode threads write to shared memory.
      const shared = new Uint8Array(new SharedArrayBuffer(pixels.length));
      shared.set(pixels);
      assert.equal((await inference.logits(shared, 5)).logits, logits.at(-1));
      inference.dispose();
    }
    assertNear(logits[0], logits[1], tolerances.values, "logits");
  });

  test("logits of a convolutional network agree", async () => {
    const pixels = randomPixels({ ...MICRO, imageSize: SYNTHETIC_REGNETY.imageSize }, 3, 4);
    const logits: Float32Array[] = [];
    for (const each of [executor, wasm]) {
      const inference = await createInference(each, SYNTHETIC_REGNETY, syntheticRegnety(SYNTHETIC_REGNETY), {
        batchSizes: [2],
      });
      logits.push((await inference.logits(pixels, 3)).logits);
      inference.dispose();
    }
    assertNear(logits[0], logits[1], tolerances.values, "logits");
  });

  const trainings: Readonly<Record<string, Partial<TrainingOptions>>> = {
    plain: {},
    "with hard distillation and stochastic depth": { distillation: "hard", dropPath: 0.3 },
    "with soft distillation": { distillation: "soft", tau: 3 },
    "of heads that are no multiple of 4 wide": { config: NARROW },
    "of a DeiT III with stochastic depth": { config: DEIT3, dropPath: 0.3 },
    "of averaged patches with registers": { config: POOLED },
  };
  for (const [what, changes] of Object.entries(trainings)) {
    test(`three clipped steps ${what} have the same losses, gradients, weights, moments and average`, async () => {
      const [got, want] = [await threeSteps(executor, changes), await threeSteps(wasm, changes)];
      assertNear(got.losses, want.losses, tolerances.values, "losses");
      assertNear(got.norms, want.norms, tolerances.values, "norms");
      for (const [state, tensors] of Object.entries(want.states))
        for (const [name, { data }] of tensors)
          assertNear(
            got.states[state]?.get(name)?.data,
            data,
            tolerances.state,
            `${state} ${name}`,
            keyBias(name, data),
          );
    });
  }

  test("a slow average keeps the digits of its steps", async () => {
    const changes = { ema: true };
    const averages: TensorMap[] = [];
    for (const each of [executor, wasm]) {
      const training = await createTraining(each, trainingOptions(changes));
      await training.accumulate(trainingInputs(MICRO, 4));
      await training.apply({ ...STEP, learningRate: 1e-3, emaDecay: 0.99996 });
      averages.push(await training.read("ema"));
      training.dispose();
    }
    const [got, want] = averages as [TensorMap, TensorMap];
    const weightOf = (tensors: TensorMap) => tensors.get("norm.weight")?.data ?? new Float32Array();
    const start = weightOf(trainingOptions().weights);
    const movement = (tensors: TensorMap) =>
      weightOf(tensors).map((value, i) => value - (start[i] as number));
    assert.ok(movement(want).some((value) => value !== 0));
    assertClose(movement(got), movement(want), 6e-8, "movement of the average");
  });

  test("a gradient that is not finite changes nothing and is cleared", async () => {
    const training = await createTraining(executor, trainingOptions());
    const inputs = trainingInputs(MICRO, 4);
    const before = await training.read("weights");
    await training.accumulate({ ...inputs, sampleWeights: Float32Array.of(Number.NaN, 1, 1, 1) });
    assert.is((await training.apply(STEP)).applied, false);
    const after = await training.read("weights");
    for (const [name, { data }] of before) assert.equal(after.get(name)?.data, data, name);
    await training.accumulate(inputs);
    assert.is((await training.apply(STEP)).applied, true);
    training.dispose();
  });

  test("wrong inputs, foreign stores and use after dispose() are refused by code", async () => {
    const graph = new GraphBuilder("sum");
    graph.output("y", gelu(graph, graph.stored("weights", "x", [1, 4]), "y"));
    const program = planProgram(graph, executor.capabilities);
    const layout = new Map([["x", 4]]);
    const foreign = new Map([["weights", wasm.createStore(layout)]]);
    assert.is(await codeOf(() => executor.compile(program, foreign)), "graph/unknown-store");
    assert.is(await codeOf(() => executor.compile(program, new Map())), "graph/unknown-store");
    const store = executor.createStore(layout);
    assert.is(await codeOf(async () => store.write("x", new Float32Array(3))), "graph/shape");
    assert.is(await codeOf(() => store.read("y")), "graph/unknown-tensor");
    store.write("x", Float32Array.of(1, 2, 3, 4));
    assert.equal([...(await store.read("x"))], [1, 2, 3, 4]);
    const executable = await executor.compile(program, new Map([["weights", store]]));
    assert.is(await codeOf(() => executable.run({ z: new Float32Array(1) })), "graph/input");
    executable.dispose();
    assert.is(await codeOf(() => executable.run({})), "graph/disposed");
    store.dispose();
    assert.is(await codeOf(() => store.read("x")), "graph/disposed");
  });
}

async function outputsOf(executor: Executor, { graph, given }: RandomGraph): Promise<ProgramOutputs> {
  const names = [...given.keys()].filter((name) => !graph.inputs.has(name));
  const store = executor.createStore(new Map(names.map((name) => [name, given.get(name)?.length as number])));
  for (const name of names) store.write(name, given.get(name) as Float32Array);
  const program = planProgram(graph, executor.capabilities);
  const executable = await executor.compile(program, new Map([["weights", store]]));
  const inputs = [...graph.inputs.keys()].map((name) => [name, given.get(name) as Float32Array]);
  const outputs = await executable.run(Object.fromEntries(inputs));
  executable.dispose();
  store.dispose();
  return outputs;
}

async function threeSteps(executor: Executor, changes: Partial<TrainingOptions>) {
  const training = await createTraining(executor, trainingOptions(changes));
  const scales = Float32Array.from({ length: MICRO.depth * 2 * 4 }, (_, i) => (i % 3 === 0 ? 0 : 1.25));
  const inputs: TrainingInputs = { ...trainingInputs(MICRO, 4), branchScales: scales };
  const [losses, norms]: [number[], number[]] = [[], []];
  const states: Record<string, TensorMap> = {};
  for (let step = 1; step <= 3; step++) {
    losses.push((await training.accumulate(inputs)).loss);
    if (step === 1) states.gradients = await training.gradients();
    norms.push((await training.apply({ ...STEP, step, learningRate: 1e-3, clipNorm: 0.5 })).gradientNorm);
  }
  for (const state of ["weights", "ema", "firstMoment", "secondMoment"] as const)
    states[state] = await training.read(state);
  training.dispose();
  return { losses, norms, states };
}

/** The gradient of the key part of qkv.bias is only rounding noise, which AdamW turns into steps. */
export function keyBias(name: string, { length }: Float32Array): (index: number) => boolean {
  return (index) => name.endsWith("qkv.bias") && index >= length / 3 && index < (2 * length) / 3;
}

type Values = ArrayLike<number> | undefined;

/** |got − want| ≤ tolerance · largest |want|. */
function assertNear(
  got: Values,
  want: Values,
  tolerance: number,
  what: string,
  excluded: (index: number) => boolean = () => false,
): void {
  const [left, right] = [got, want].map((values) =>
    Array.from(values ?? []).filter((_, i) => !excluded(i)),
  ) as [number[], number[]];
  const largest = right.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  assertClose(left, right, tolerance * largest + 1e-30, what);
}

async function codeOf(attempt: () => Promise<unknown>): Promise<string> {
  try {
    await attempt();
  } catch (error) {
    return isVitrineError(error) ? error.code : String(error);
  }
  return "none";
}
