// Training memory: the planned memory is the memory used, recomputation saves some without changing a bit, pieces of a
// batch add up to the whole, and a step that cannot fit is refused with one that does.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import type { Executor } from "../../runtime/executors/executor.js";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createInference } from "../../runtime/inference/program.js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { publishedConfig } from "../../runtime/models/families.js";
import type { TrainingInputs, TrainingOptions } from "../../runtime/training/contract.js";
import { type PlannedTraining, planTraining } from "../../runtime/training/plan.js";
import { createTraining } from "../../runtime/training/program.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { replayMemory } from "../graph/memory-replay.js";
import { assertClose, assertSameBits } from "../nn/compare.js";
import { Random } from "../nn/random.js";
import { MICRO, randomPixels, randomWeights, STEP, trainingInputs, trainingOptions } from "./micro-deit.js";
import { webgpuOrSkip } from "./webgpu-device.js";

/** Enough blocks for one between two recomputed ones. */
const DEEP: DeitConfig = { ...MICRO, depth: 4 };
const MEBIBYTE = 2 ** 20;
const WASM32_BYTES = 2 ** 32;

const wasm = await createWasmExecutor(nodeHost());
const webgpu = await webgpuOrSkip();

const tiny = (changes: Partial<PlannedTraining> = {}): PlannedTraining => ({
  config: publishedConfig("deit_tiny_distilled_patch16_224") as DeitConfig,
  batchSize: 8,
  distillation: "hard",
  alpha: 0.5,
  tau: 1,
  dropPath: 0.1,
  ema: true,
  ...changes,
});

interface Run {
  losses: number[];
  gradients: TensorMap;
  weights: TensorMap;
  average: TensorMap;
}

/** Three steps of a distilled model with teacher, stochastic depth and average. */
async function threeSteps(executor: Executor, changes: Partial<TrainingOptions>): Promise<Run> {
  const options = {
    config: DEEP,
    weights: randomWeights(DEEP, 1),
    distillation: "hard" as const,
    dropPath: 0.3,
  };
  const training = await createTraining(executor, trainingOptions({ ...options, ...changes }));
  const losses: number[] = [];
  let gradients: TensorMap = new Map();
  for (let step = 1; step <= 3; step++) {
    losses.push((await training.accumulate(inputsOf(step))).loss);
    gradients = await training.gradients();
    await training.apply({ ...STEP, step, clipNorm: 1 });
  }
  const [weights, average] = [await training.read("weights"), await training.read("ema")];
  training.dispose();
  return { losses, gradients, weights, average };
}

function inputsOf(step: number): TrainingInputs {
  const random = new Random(step);
  const branchScales = Float32Array.from({ length: DEEP.depth * 2 * 4 }, () =>
    random.between(0, 2) === 0 ? 0 : 1.25,
  );
  return { ...trainingInputs(DEEP, 4, 20 * step), branchScales };
}

const STATES = ["gradients", "weights", "average"] as const;

for (const [device, executor] of [
  ["wasm", wasm] as const,
  ...(webgpu ? [["webgpu", webgpu] as const] : []),
]) {
  test(`${device}: recomputation changes no bit of losses, gradients, weights and average`, async () => {
    const [kept, again] = [await threeSteps(executor, {}), await threeSteps(executor, { recompute: true })];
    assert.equal(again.losses, kept.losses);
    for (const state of STATES)
      for (const [name, { data }] of kept[state])
        assertSameBits((again[state].get(name) as { data: Float32Array }).data, data, `${state} ${name}`);
  });

  test(`${device}: a batch in two and in four pieces is the batch in one, to float32's rounding`, async () => {
    const whole = await threeSteps(executor, {});
    for (const pieces of [2, 4]) {
      const cut = await threeSteps(executor, { pieces, recompute: pieces === 4 });
      assertClose(cut.losses, whole.losses, 3e-5, "losses");
      for (const [name, { data }] of whole.gradients)
        assertClose(
          (cut.gradients.get(name) as { data: Float32Array }).data,
          data,
          1e-4,
          `gradient of ${name}`,
        );
    }
  });
}

test("an evaluation in pieces gives the bits of one in a single piece", async () => {
  const pixels = randomPixels(MICRO, 4, 9);
  const logits: Float32Array[] = [];
  for (const pieces of [1, 2]) {
    const training = await createTraining(wasm, trainingOptions({ pieces }));
    logits.push((await training.evaluate(pixels, 4, "weights")).logits);
    logits.push((await training.evaluate(pixels.subarray(0, (3 * pixels.length) / 4), 3, "ema")).logits);
    training.dispose();
  }
  assertSameBits(logits[2] as Float32Array, logits[0] as Float32Array, "four images");
  assertSameBits(logits[3] as Float32Array, logits[1] as Float32Array, "three images");
});

test("the plan of a step with recomputation is sound: no tensor is read after it was overwritten", () => {
  const { accumulate } = planTraining(
    trainingOptions({ config: DEEP, dropPath: 0.1, distillation: "soft", recompute: true }),
    wasm.capabilities,
  );
  assert.equal(replayMemory(accumulate), []);
});

test("a step repeats every block but the last, up to what its gradients read", () => {
  const count = (recompute: boolean, type: string) => {
    const { accumulate } = planTraining(tiny({ recompute }), wasm.capabilities);
    return accumulate.graph.operations.filter((operation) => operation.type === type).length;
  };
  assert.is(count(true, "attention"), count(false, "attention") + 11);
  assert.is(count(true, "layerNorm"), count(false, "layerNorm") + 22);
  // qkv, projection and the MLP's first layer; nothing reads the second layer's result again.
  assert.is(count(true, "linear"), count(false, "linear") + 33);
});

test("DeiT-Tiny trains 8 images of 224 pixels in 600 MB, and with recomputation in a third of that", () => {
  const { bytes } = planTraining(tiny(), wasm.capabilities);
  const recomputed = planTraining(tiny({ recompute: true }), wasm.capabilities);
  const pieces = planTraining(tiny({ pieces: 8, recompute: true }), wasm.capabilities);
  console.log(`planned: ${[bytes, recomputed.bytes, pieces.bytes].map((n) => `${(n / 1e6).toFixed(1)} MB`)}`);
  assert.ok(bytes <= 600e6);
  assert.ok(recomputed.bytes <= 200e6);
  assert.ok(pieces.bytes < recomputed.bytes);
});

/** The host's module memories, in the order in which they were made. */
async function memoriesOf<T>(work: () => Promise<T>): Promise<{ result: T; memories: WebAssembly.Memory[] }> {
  const { Memory } = WebAssembly;
  const memories: WebAssembly.Memory[] = [];
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor);
      memories.push(this);
    }
  };
  try {
    return { result: await work(), memories };
  } finally {
    WebAssembly.Memory = Memory;
  }
}

test("the module's memory grows by the planned bytes, within 5%", async () => {
  const config = { ...MICRO, imageSize: 64, dim: 48, mlpDim: 192 };
  for (const changes of [{}, { recompute: true }, { pieces: 2 }]) {
    for (const threads of [1, 2]) {
      const { result: executor, memories } = await memoriesOf(() =>
        createWasmExecutor(nodeHost(), { threads }),
      );
      const memory = memories[0] as WebAssembly.Memory;
      const options = { weights: randomWeights(config, 1), config, batchSize: 16, ...changes };
      // Memory past every allocation: the first pages hold more than the module's own data.
      const before = WASM32_BYTES - executor.capabilities.limitBytes;
      const training = await createTraining(executor, trainingOptions(options));
      await training.accumulate(trainingInputs(config, 16));
      await training.apply(STEP);
      await training.evaluate(randomPixels(config, 16, 3), 16, "ema");
      const grown = memory.buffer.byteLength - before;
      const planned = planTraining(trainingOptions(options), wasm.capabilities).bytes;
      assert.is(training.bytes, planned);
      assert.ok(planned > 8 * MEBIBYTE, `${planned} planned: too little to tell`);
      const ratio = grown / planned;
      assert.ok(ratio > 0.95 && ratio < 1.05, `${grown} bytes, planned were ${planned}`);
      await executor.dispose();
    }
  }
});

test("an inference program takes the memory that it reports, within 10%", async () => {
  const config = { ...MICRO, imageSize: 64, dim: 96, mlpDim: 384, depth: 4 };
  const { result: executor, memories } = await memoriesOf(() => createWasmExecutor(nodeHost()));
  const before = WASM32_BYTES - executor.capabilities.limitBytes;
  const inference = await createInference(executor, config, randomWeights(config, 1), {
    batchSizes: [1, 16],
  });
  await inference.logits(randomPixels(config, 16, 2), 16);
  const grown = (memories[0] as WebAssembly.Memory).buffer.byteLength - before;
  const ratio = grown / inference.bytes;
  // While weights are replaced by their panels, one of them is there twice, and WebAssembly's memory does not shrink.
  assert.ok(inference.bytes > 8 * MEBIBYTE && ratio > 0.95 && ratio < 1.1, `${ratio} of ${inference.bytes}`);
  await executor.dispose();
});

function refusal(options: PlannedTraining, limitBytes = wasm.capabilities.limitBytes) {
  try {
    planTraining(options, { ...wasm.capabilities, limitBytes });
  } catch (error) {
    if (isVitrineError(error)) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

test("a step over 4 GiB is refused before anything is allocated, with the batches that fit", () => {
  const before = wasm.capabilities.limitBytes;
  const error = refusal(tiny({ batchSize: 256 }));
  assert.is(error.code, "graph/memory");
  const { largestBatch, largestRecomputed } = error.details as Record<string, number>;
  const [kept, recomputed] = [largestBatch as number, largestRecomputed as number];
  assert.match(error.message, /^training step with a batch of 256 needs \d+\.\d MiB, \d+\.\d MiB are left: /);
  assert.ok(error.message.includes(`a batch of ${kept} fits (--batch-size ${kept})`), error.message);
  assert.match(error.message, /; --accumulate 2 takes it in pieces that fit; with --recompute it fits$/);
  assert.is(recomputed, 256);
  planTraining(tiny({ batchSize: kept }), wasm.capabilities);
  refusal(tiny({ batchSize: kept + 2 }));
  planTraining(tiny({ batchSize: 256, recompute: true }), wasm.capabilities);
  assert.is(wasm.capabilities.limitBytes, before);
});

test("the refusal names recomputation and pieces where they help, and its advice is correct", () => {
  const limitBytes = 250e6;
  const fits = (changes: Partial<PlannedTraining>) =>
    planTraining(tiny(changes), { ...wasm.capabilities, limitBytes });
  const said =
    /: a batch of (\d+) fits \(--batch-size (\d+)\); --accumulate (\d+) takes it in pieces that fit; with --recompute one of (\d+) fits$/;
  const { message } = refusal(tiny({ batchSize: 64 }), limitBytes);
  const [, kept, flag, pieces, recomputed] = (said.exec(message) ?? []).map(Number);
  assert.ok(kept !== undefined && kept === flag, message);
  fits({ batchSize: kept });
  fits({ batchSize: 64, pieces });
  fits({ batchSize: recomputed, recompute: true });
  refusal(tiny({ batchSize: (recomputed as number) + 2, recompute: true }), limitBytes);

  const inPieces = refusal(tiny({ batchSize: 64, pieces: 2 }), limitBytes);
  assert.match(inPieces.message, /training step with a batch of 32 \(64 in 2 pieces\) needs/);
  assert.is(inPieces.details.largestBatch, kept);

  // Only one image at a time, with recomputation.
  const least = fits({ batchSize: 1, recompute: true }).bytes + 1000;
  const last = refusal(tiny({ batchSize: 64 }), least).message;
  assert.match(
    last,
    /left: with --recompute one of 1 fits; --recompute --accumulate 64 takes it in pieces that fit$/,
  );
  const none = refusal(tiny(), 1e6).message;
  assert.match(none, /, 0\.0 KiB are left: not even a batch of 1 fits: take a smaller model \(--model\)$/);
});

test("pieces that do not divide the batch are refused with both numbers", () => {
  const error = refusal(tiny({ batchSize: 10, pieces: 4 }));
  assert.is(error.code, "training/pieces");
  assert.match(error.message, /a batch of 10 in 4 pieces: .* must divide .*--accumulate/);
});

test.after(async () => {
  await wasm.dispose();
  await webgpu?.dispose();
});

test.run();
