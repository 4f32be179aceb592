// Inference program: batches run in the smallest program that holds them, and no image's logits depend on the others.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import type { Executor } from "../../runtime/executors/executor.js";
import { createWeightStore } from "../../runtime/executors/parameter-store.js";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import { planProgram } from "../../runtime/graph/planner.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createInference, inferenceGraph } from "../../runtime/inference/program.js";
import { deitParameters } from "../../runtime/models/deit/parameters.js";
import { WEIGHTS } from "../../runtime/models/family.js";
import { createTraining } from "../../runtime/training/program.js";
import type { NamedTensor } from "../../runtime/weights/tensor-map.js";
import { assertClose, assertSameBits } from "../nn/compare.js";
import { MICRO, randomPixels, randomWeights, STEP, trainingInputs, trainingOptions } from "./micro-deit.js";

const weights = randomWeights(MICRO, 1);
const SAMPLE = MICRO.imageSize ** 2 * 3;

test("logits of an image have the same bits in every batch size, padded, split or single", async () => {
  const executor = await createWasmExecutor(nodeHost());
  const pixels = randomPixels(MICRO, 11, 3);
  const alone = await createInference(executor, MICRO, weights, { batchSizes: [1] });
  const expected = await alone.logits(pixels, 11);
  for (const batchSizes of [[2, 4], [8], [16, 1]]) {
    const inference = await createInference(executor, MICRO, weights, { batchSizes });
    for (const count of [1, 2, 3, 4, 5, 11]) {
      const got = await inference.logits(pixels.subarray(0, count * SAMPLE), count);
      const end = count * MICRO.classes;
      const what = `batch sizes ${batchSizes}, ${count} images`;
      assertSameBits(got.logits, expected.logits.slice(0, end), what);
      assertSameBits(got.classLogits, expected.classLogits.slice(0, end), what);
      const dist = expected.distillationLogits?.slice(0, end) as Float32Array;
      assertSameBits(got.distillationLogits as Float32Array, dist, what);
    }
    inference.dispose();
  }
});

test("a distilled model returns the mean of both heads' logits, any other model its class logits", async () => {
  const executor = await createWasmExecutor(nodeHost());
  const pixels = randomPixels(MICRO, 2, 4);
  const distilled = await createInference(executor, MICRO, weights, { batchSizes: [2] });
  const { logits, classLogits, distillationLogits } = await distilled.logits(pixels, 2);
  const mean = classLogits.map((value, i) => (value + (distillationLogits?.[i] as number)) / 2);
  assertClose(logits, mean, 1e-6, "mean of logits");
  const config = { ...MICRO, distilled: false };
  const plain = await createInference(executor, config, randomWeights(config, 1), { batchSizes: [2] });
  const result = await plain.logits(pixels, 2);
  assert.is(result.distillationLogits, undefined);
  assert.equal([...result.logits], [...result.classLogits]);
});

test("the plain and the relaxed build agree", async () => {
  const pixels = randomPixels(MICRO, 3, 5);
  const results: Float32Array[] = [];
  for (const relaxed of [false, true]) {
    const executor = await createWasmExecutor(nodeHost(), { relaxed });
    assert.is(executor.fusedMultiplyAdd, relaxed);
    const inference = await createInference(executor, MICRO, weights, { batchSizes: [4] });
    results.push((await inference.logits(pixels, 3)).logits);
  }
  const [plain, relaxed] = results as [Float32Array, Float32Array];
  assertClose(relaxed, plain, 1e-5, "logits");
});

test("wrong pixels and wrong weights are refused before anything runs", async () => {
  const executor = await createWasmExecutor(nodeHost());
  const inference = await createInference(executor, MICRO, weights, { batchSizes: [1] });
  const code = async (attempt: () => Promise<unknown>) => {
    try {
      await attempt();
    } catch (error) {
      return isVitrineError(error) ? error.code : "another error";
    }
    return "none";
  };
  assert.is(await code(() => inference.logits(new Uint8Array(SAMPLE - 1), 1)), "image/size");
  assert.is(await code(() => inference.logits(new Uint8Array(0), 0)), "image/size");
  const { limitBytes } = executor.capabilities;
  const create = (tensors: typeof weights) => createInference(executor, MICRO, tensors);
  const without = new Map(weights);
  without.delete("norm.bias");
  assert.is(await code(() => create(without)), "weights/missing-tensor");
  const reshaped = new Map(weights).set("norm.bias", { shape: [25], data: new Float32Array(25) });
  assert.is(await code(() => create(reshaped)), "weights/shape");
  assert.is(
    await code(() => createInference(executor, MICRO, weights, { batchSizes: [0] })),
    "model/batch-size",
  );
  assert.is(executor.capabilities.limitBytes, limitBytes);
});

/** Bytes of the linear layers' weights whose number of outputs is a multiple of eight: their panels are as large. */
const wholePanels = [...weights].reduce(
  (sum, [name, { shape, data }]) =>
    /(qkv|proj|fc\d|head|head_dist)\.weight$/.test(name) && shape[0] % 8 === 0 ? sum + data.byteLength : sum,
  0,
);

/** Programs with panels on a store of their own, for two batch sizes. */
async function onFrozenPrograms(executor: Executor, frozen: boolean) {
  const store = await createWeightStore(executor, deitParameters(MICRO), weights, { frozen });
  const stores = new Map([[WEIGHTS, store]]);
  const bytesAlone = store.bytes;
  const executables = await Promise.all(
    [1, 6].map(async (batch) => {
      const program = planProgram(inferenceGraph(MICRO, batch), executor.capabilities);
      return { batch, run: await executor.compile(program, stores, { frozenStores: true }) };
    }),
  );
  return { store, stores, executables, panels: store.bytes - bytesAlone };
}

for (const frozen of [false, true])
  test(`weights written between runs are used by the next run, in every batch size (${frozen ? "panels in their place" : "panels beside them"})`, async () => {
    const executor = await createWasmExecutor(nodeHost());
    const pixels = randomPixels(MICRO, 6, 8);
    const { store, executables } = await onFrozenPrograms(executor, frozen);
    for (const seed of [1, 2, 3]) {
      const written = randomWeights(MICRO, seed);
      for (const [name, { data }] of written) store.write(name, data);
      const fresh = await createInference(executor, MICRO, written, { batchSizes: [6] });
      const { logits } = await fresh.logits(pixels, 6);
      for (const { batch, run } of executables) {
        const got = await run.run({ pixels: pixels.subarray(0, batch * SAMPLE) });
        assertSameBits(got.logits as Float32Array, logits.slice(0, batch * MICRO.classes), `weights ${seed}`);
      }
      fresh.dispose();
    }
  });

test("a single tensor that is written leaves the panels of the others as they are", async () => {
  const executor = await createWasmExecutor(nodeHost());
  const pixels = randomPixels(MICRO, 6, 8);
  const { store, executables } = await onFrozenPrograms(executor, true);
  const [, { run }] = executables;
  await run.run({ pixels });
  const other = randomWeights(MICRO, 2);
  const mixed = new Map(weights);
  for (const name of ["blocks.0.attn.qkv.weight", "norm.bias"]) {
    const tensor = other.get(name) as NamedTensor;
    mixed.set(name, tensor);
    store.write(name, tensor.data);
    const fresh = await createInference(executor, MICRO, mixed, { batchSizes: [6] });
    const got = await run.run({ pixels });
    assertSameBits(got.logits as Float32Array, (await fresh.logits(pixels, 6)).logits, name);
    fresh.dispose();
  }
});

test("a frozen store keeps panels in the place of their weights, and gives these to nobody", async () => {
  const executor = await createWasmExecutor(nodeHost());
  const beside = await onFrozenPrograms(executor, false);
  const inPlace = await onFrozenPrograms(executor, true);
  assert.ok(wholePanels > 0);
  assert.is(beside.panels - inPlace.panels, wholePanels);
  const name = "blocks.0.attn.qkv.weight";
  const refused = (error: unknown) => isVitrineError(error) && error.code === "graph/unknown-store";
  await inPlace.store.read(name).then(
    () => assert.unreachable("a packed tensor was read"),
    (error) => assert.ok(refused(error)),
  );
  assert.equal(await inPlace.store.read("norm.bias"), weights.get("norm.bias")?.data);
  const program = planProgram(inferenceGraph(MICRO, 1), executor.capabilities);
  await executor.compile(program, inPlace.stores).then(
    () => assert.unreachable("a program that reads weights was compiled"),
    (error) => assert.ok(refused(error)),
  );
});

test("a training step changes the weights of an inference program that shares them", async () => {
  const executor = await createWasmExecutor(nodeHost());
  const training = await createTraining(executor, trainingOptions());
  const pixels = randomPixels(MICRO, 4, 9);
  for (let step = 1; step <= 2; step++) {
    await training.accumulate(trainingInputs(MICRO, 4, step));
    await training.apply({ ...STEP, step });
    const inference = await createInference(executor, MICRO, await training.read("weights"), {
      batchSizes: [4],
    });
    const [own, other] = [await training.evaluate(pixels, 4, "weights"), await inference.logits(pixels, 4)];
    assertSameBits(own.logits, other.logits, `step ${step}`);
    inference.dispose();
  }
});

test.run();
