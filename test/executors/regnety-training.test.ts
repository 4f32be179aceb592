// RegNetY training on wasm: the claims of every executor bit for bit, micro-batches, recomputation, stochastic depth and
// what a checkpoint must contain.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createInference } from "../../runtime/inference/program.js";
import type { TrainingOptions } from "../../runtime/training/contract.js";
import { createTraining } from "../../runtime/training/program.js";
import { isBuffer, type TensorMap } from "../../runtime/weights/tensor-map.js";
import { syntheticRegnety } from "../models/synthetic-regnety.js";
import { assertClose, assertSameBits } from "../nn/compare.js";
import { messageOf } from "./message-of.js";
import {
  BATCH,
  CONVNET,
  CONVNET_STEP,
  convnetInputs,
  convnetOptions,
  data,
  regnetyTrainingClaims,
} from "./regnety-training-claims.js";

const executor = await createWasmExecutor(nodeHost());
const create = (changes: Partial<TrainingOptions> = {}) => createTraining(executor, convnetOptions(changes));

function assertSameTensors(got: TensorMap, want: TensorMap): void {
  assert.equal([...got.keys()], [...want.keys()]);
  for (const name of want.keys()) assertSameBits(data(got, name), data(want, name), name);
}

// The folded weights are the host's, bit for bit.
regnetyTrainingClaims(executor, 3e-7);

test("evaluation logits are the served model's, bit for bit", async () => {
  const training = await create();
  await training.accumulate(convnetInputs());
  await training.apply(CONVNET_STEP);
  const { pixels } = convnetInputs(5);
  const served = await createInference(executor, CONVNET, await training.read("weights"), {
    batchSizes: [BATCH],
  });
  const { logits } = await training.evaluate(pixels, BATCH, "weights");
  assertSameBits(logits, (await served.logits(pixels, BATCH)).logits, "logits");
  served.dispose();
  training.dispose();
});

test("a training continues from its states as if it had never stopped", async () => {
  const whole = await create();
  const states = new Map<string, TensorMap>();
  for (const step of [1, 2]) {
    await whole.accumulate(convnetInputs(step));
    await whole.apply({ ...CONVNET_STEP, step });
    if (step === 1)
      for (const state of ["weights", "ema", "firstMoment", "secondMoment"] as const)
        states.set(state, await whole.read(state));
  }
  const resumed = await create({ weights: states.get("weights") as TensorMap, batchesTracked: 1 });
  for (const state of ["ema", "firstMoment", "secondMoment"] as const)
    resumed.write(state, states.get(state) as TensorMap);
  await resumed.accumulate(convnetInputs(2));
  await resumed.apply({ ...CONVNET_STEP, step: 2 });
  for (const state of ["weights", "ema", "firstMoment", "secondMoment"] as const)
    assertSameTensors(await resumed.read(state), await whole.read(state));
  assert.is(resumed.batchesTracked, whole.batchesTracked);
  whole.dispose();
  resumed.dispose();
});

test("recomputation changes no bit, and moves running statistics once", async () => {
  const [kept, recomputed] = [await create(), await create({ recompute: true })];
  assert.ok(recomputed.bytes < kept.bytes, `${recomputed.bytes} of ${kept.bytes} bytes`);
  for (const training of [kept, recomputed]) {
    await training.accumulate(convnetInputs());
    await training.apply(CONVNET_STEP);
  }
  assertSameTensors(await recomputed.read("weights"), await kept.read("weights"));
  kept.dispose();
  recomputed.dispose();
});

test("in micro-batches each is normalized by its own statistics, and the running ones move once for each", async () => {
  const [half, pieces] = [await create({ batchSize: 2 }), await create({ pieces: 2 })];
  const inputs = convnetInputs();
  await pieces.accumulate(inputs);
  const sum = new Float32Array(half.trainedCount);
  for (const start of [0, 2]) {
    const part = <A extends Uint8Array | Float32Array>(values: A) =>
      values.subarray((start * values.length) / 4, ((start + 2) * values.length) / 4) as A;
    const { pixels, targets, sampleWeights } = inputs;
    const own = { pixels: part(pixels), targets: part(targets), sampleWeights: part(sampleWeights) };
    const gradient = new Float32Array(half.trainedCount);
    await half.gradientOf(own, gradient);
    gradient.forEach((value, at) => {
      sum[at] += value;
    });
  }
  half.writeGradient(sum);
  assertSameTensors(await pieces.gradients(), await half.gradients());
  assertSameTensors(await pieces.read("weights"), await half.read("weights"));
  assert.is(pieces.batchesTracked, 2);
  half.dispose();
  pieces.dispose();
});

test("stochastic depth: where every branch is dropped, no block's convolution learns, but the shortcuts do", async () => {
  const training = await create({ dropPath: 0.5 });
  const blocks = CONVNET.stages.reduce((sum, { depth }) => sum + depth, 0);
  const branchScales = new Float32Array(blocks * BATCH);
  await training.accumulate({ ...convnetInputs(), branchScales });
  const gradients = await training.gradients();
  const moves = (name: string) => data(gradients, name).some((value) => value !== 0);
  assert.not.ok(moves("s1.b1.conv2.conv.weight"));
  assert.ok(moves("s1.b1.downsample.conv.weight"));
  assert.match(
    await messageOf(() =>
      training.accumulate({ ...convnetInputs(), branchScales: branchScales.subarray(1) }),
    ),
    /branchScales: 11 values, expected 12: \[depth 3, 1, batch 4\]/,
  );
  training.dispose();
});

test("threads change no bit of a step, whether convolutions are direct or go through patches", async () => {
  const stages = [
    { width: 16, depth: 1 },
    { width: 40, depth: 2 },
  ];
  for (const groupWidth of [8, 4]) {
    const config = { ...CONVNET, groupWidth, stages };
    const states: TensorMap[] = [];
    for (const threads of [1, 3]) {
      const parallel = await createWasmExecutor(nodeHost(), { threads });
      const training = await createTraining(
        parallel,
        convnetOptions({ config, weights: syntheticRegnety(config) }),
      );
      await training.accumulate(convnetInputs());
      const gradients = await training.gradients();
      await training.apply(CONVNET_STEP);
      states.push(new Map([...(await training.read("weights")), ...gradients]));
      training.dispose();
      await parallel.dispose();
    }
    assertSameTensors(states[1] as TensorMap, states[0] as TensorMap);
  }
});

test("weight decay shrinks convolutions, not batch norms and biases", async () => {
  const training = await create();
  const before = await training.read("weights");
  await training.apply({ ...CONVNET_STEP, learningRate: 0.1, weightDecay: 0.5 });
  const after = await training.read("weights");
  for (const [name, { data: old, shape }] of before) {
    const factor = shape.length > 1 ? 0.95 : 1;
    assertClose(
      data(after, name),
      old.map((value) => value * factor),
      1e-6,
      name,
    );
  }
  training.dispose();
});

test("all parameters of a file are there: running statistics too, and nothing else", async () => {
  const training = await create();
  const weights = await training.read("weights");
  const incomplete = new Map([...weights].filter(([name]) => !isBuffer(name)));
  assert.match(
    await messageOf(async () => training.write("ema", incomplete)),
    /tensor "stem.bn.running_mean" is missing/,
  );
  training.dispose();
});

test.run();
