// Objective: targets, weights, branches and teacher of a step, and the lower bound of its loss.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Batch } from "../../runtime/batches/batch-source.js";
import type { DrawMath } from "../../runtime/draw/random.js";
import { placesOfRank } from "../../runtime/draw/ranks.js";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import { nodeHost } from "../../runtime/host/node.js";
import { initialWeights } from "../../runtime/models/deit/initialization.js";
import { createTraining } from "../../runtime/training/program.js";
import { type BatchShare, inPieceOrder, placesOfShare, WHOLE_BATCH } from "../../trainer/core/batch-share.js";
import { type ObjectiveOptions, prepareStep } from "../../trainer/core/objective.js";
import { optimizerStep } from "../../trainer/core/train-step.js";
import { fakeSettings } from "./fake-run.js";
import { drawMath, tinyConfig } from "./tiny-model.js";

const test = suite<{ math: DrawMath }>("objective");

test.before(async (context) => {
  context.math = await drawMath();
});

function batch(changes: Partial<Batch> = {}): Batch {
  return {
    cursor: { epoch: 2, batch: 3 },
    ...{ count: 4, size: 32, pixels: new Uint8Array(4 * 32 * 32 * 3), waitSeconds: 0 },
    labels: Int32Array.of(0, 1, 2, 0),
    partnerLabels: Int32Array.of(0, 2, 1, 0),
    lambdas: Float64Array.of(1, 0.75, 0.75, 1),
    weights: Float32Array.of(1, 1, 1, 1),
    ...changes,
  };
}

function options(math: DrawMath, changes: Partial<ObjectiveOptions> = {}): ObjectiveOptions {
  const classMap = Int32Array.of(0, 1, 2);
  const fixed = { config: tinyConfig(), classMap, math, teacher: null, share: WHOLE_BATCH };
  return { settings: fakeSettings(), ...fixed, ...changes };
}

async function stepInputs(of: Batch, given: ObjectiveOptions) {
  return (await prepareStep(of, given)).inputs;
}

test("targets are smoothed and mixed, with the data set's classes as the model's", async ({ math }) => {
  const { targets } = await stepInputs(batch(), options(math, { classMap: Int32Array.of(2, 0, 1) }));
  const [off, on] = [0.1 / 3, 0.9 + 0.1 / 3];
  const mixed = (fraction: number): number => fraction * on + (1 - fraction) * off;
  const expected = [off, off, on, mixed(0.75), mixed(0.25), off, mixed(0.25), mixed(0.75), off, off, off, on];
  for (const [i, value] of expected.entries())
    assert.ok(Math.abs(targets[i] - value) < 1e-7, `${i}: ${targets[i]}`);
});

test("weights sum to one over the samples that were not skipped, and stay zero where all were", async ({
  math,
}) => {
  const weighted = (weights: number[]) =>
    prepareStep(batch({ weights: Float32Array.from(weights) }), options(math));
  const half = await weighted([1, 0, 1, 0]);
  assert.equal([...half.inputs.sampleWeights], [0.5, 0, 0.5, 0]);
  assert.is(half.skipped, 2);
  const none = await weighted([0, 0, 0, 0]);
  assert.equal([...none.inputs.sampleWeights], [0, 0, 0, 0]);
  assert.equal([none.skipped, none.targetEntropy], [4, 0]);
});

test("branches are drawn by cursor and seed, and only with stochastic depth", async ({ math }) => {
  const settings = fakeSettings({ dropPath: 0.5, seed: 3 });
  const scales = async (changes: Partial<Batch>, seed = 3) => {
    const inputs = await stepInputs(batch(changes), options(math, { settings: { ...settings, seed } }));
    return [...(inputs.branchScales as Float32Array)].join();
  };
  assert.is(await scales({}), await scales({}));
  assert.is.not(await scales({}), await scales({ cursor: { epoch: 2, batch: 4 } }));
  assert.is.not(await scales({}), await scales({ cursor: { epoch: 3, batch: 3 } }));
  assert.is.not(await scales({}), await scales({}, 4));
  assert.is((await stepInputs(batch(), options(math))).branchScales, undefined);
});

test("the teacher gets exactly the student's pixels", async ({ math }) => {
  const sent = batch();
  const answer = new Float32Array(12);
  const teacher = async (pixels: Uint8Array, count: number) => {
    assert.is(pixels, sent.pixels);
    assert.is(count, 4);
    return answer;
  };
  assert.is((await stepInputs(sent, options(math, { teacher }))).teacherLogits, answer);
});

test("a batch of another shape is refused", async ({ math }) => {
  for (const wrong of [{ count: 3 }, { size: 64 }])
    await stepInputs(batch(wrong), options(math)).then(
      () => assert.unreachable(),
      (error) => assert.is(error.code, "data/batch-shape"),
    );
});

test("no loss is below the entropy of its targets, and a model that predicts the targets reaches it", async ({
  math,
}) => {
  const given = options(math);
  const { inputs, targetEntropy: bound } = await prepareStep(batch(), given);
  // Logits log t are the targets' own; the cross-entropy of the targets with themselves is their entropy.
  const entropies = [0, 1, 2, 3].map((row) =>
    inputs.targets.subarray(row * 3, row * 3 + 3).reduce((sum, t) => sum - t * Math.log(t), 0),
  );
  assert.ok(Math.abs(bound - entropies.reduce((a, b) => a + b) / 4) < 1e-7);
  const half = { ...given.settings, distillation: "hard" as const, alpha: 0.25 };
  const distilled = await prepareStep(batch(), { ...given, settings: half });
  assert.ok(Math.abs(distilled.targetEntropy - 0.75 * bound) < 1e-12);
  const certain = { ...given, settings: { ...given.settings, smoothing: 0 } };
  assert.is((await prepareStep(batch({ lambdas: new Float64Array(4).fill(1) }), certain)).targetEntropy, 0);
});

/** Processes of one thread: each waits in `sum` until all are there, and the pieces are added in order. */
function shares(world: number): BatchShare[] {
  let waiting: { terms: readonly Float64Array[]; resolve: (sums: Float64Array) => void }[] = [];
  return Array.from({ length: world }, (_, rank) => ({
    rank,
    world,
    sum: (terms) =>
      new Promise<Float64Array>((resolve) => {
        waiting[rank] = { terms, resolve };
        if (Object.keys(waiting).length < world) return;
        const all = waiting;
        waiting = [];
        WHOLE_BATCH.sum(all.flatMap((one) => one.terms)).then((sums) => {
          for (const one of all) one.resolve(sums);
        });
      }),
  }));
}

test("what several processes prepare is what one prepares, piece by piece", async ({ math }) => {
  const settings = fakeSettings({ dropPath: 0.5, seed: 3, batchSize: 8, accumulate: 4 });
  const rows = (first: number) => Int32Array.from({ length: 8 }, (_, i) => (first + i) % 3);
  const whole = batch({
    ...{ count: 8, pixels: new Uint8Array(8 * 32 * 32 * 3).map((_, i) => Math.floor(i / (32 * 32 * 3))) },
    ...{ labels: rows(0), partnerLabels: rows(1), lambdas: Float64Array.from(rows(0), (i) => 1 - i / 8) },
    weights: Float32Array.of(1, 1, 0, 1, 1, 1, 1, 0),
  });
  const source = (one: Batch) => ({
    ...{ description: { fingerprint: "f", samples: 8, classes: [], instance: "i" }, batchesPerEpoch: 1 },
    batches: async function* () {
      yield one;
    },
    close: async () => {},
  });
  const partOf = (rank: number, world: number): Batch => {
    const places = placesOfRank(8, { rank, world });
    const pick = <V extends Uint8Array | Int32Array | Float32Array | Float64Array>(values: V) => {
      const size = values.length / 8;
      const picked = [...places].flatMap((place) => [...values.subarray(place * size, (place + 1) * size)]);
      return new (values.constructor as new (from: number[]) => V)(picked);
    };
    const { pixels, labels, partnerLabels, lambdas, weights } = whole;
    const own = { labels: pick(labels), partnerLabels: pick(partnerLabels), lambdas: pick(lambdas) };
    return { ...whole, count: 8 / world, pixels: pick(pixels), ...own, weights: pick(weights) };
  };
  const prepared = async (world: number) => {
    const parts = shares(world).map(async (share) => {
      const ordered = inPieceOrder(source(partOf(share.rank, world)), 8 / world, 4 / world);
      for await (const own of ordered.batches({ epoch: 0, batch: 0 }))
        return prepareStep(own, options(math, { settings, share }));
      throw new Error("no batch");
    });
    return Promise.all(parts);
  };
  const [one] = await prepared(1);
  assert.equal([one.skipped, ...new Set(one.inputs.sampleWeights)].length, 3);
  assert.equal([...placesOfShare(8, 4, WHOLE_BATCH)], [0, 7, 1, 6, 2, 5, 3, 4]);
  for (const world of [2, 4]) {
    const several = await prepared(world);
    const joined = (of: (inputs: typeof one.inputs) => ArrayLike<number>) =>
      several.flatMap(({ inputs }) => Array.from(of(inputs)));
    assert.equal(
      joined(({ pixels }) => pixels),
      [...one.inputs.pixels],
    );
    assert.equal(
      joined(({ targets }) => targets),
      [...one.inputs.targets],
    );
    assert.equal(
      joined(({ sampleWeights }) => sampleWeights),
      [...one.inputs.sampleWeights],
    );
    for (const { targetEntropy, skipped } of several)
      assert.equal([targetEntropy, skipped], [one.targetEntropy, one.skipped]);
    const row = (scales: Float32Array, size: number, at: number) => [
      ...scales.subarray(at * size, (at + 1) * size),
    ];
    const scales = one.inputs.branchScales as Float32Array;
    for (let at = 0; at < scales.length / 8; at++)
      assert.equal(
        several.flatMap(({ inputs }) => row(inputs.branchScales as Float32Array, 8 / world, at)),
        row(scales, 8, at),
      );
  }
});

test("with no gradient only matrices decay: not pos_embed, cls_token, dist_token, biases or norms", async ({
  math,
}) => {
  const settings = fakeSettings({ distillation: "hard", weightDecay: 0.5 });
  const config = tinyConfig();
  const weights = initialWeights(config, 1, math);
  for (const { data } of weights.values()) for (let i = 0; i < data.length; i++) data[i] = data[i] + 1;
  const executor = await createWasmExecutor(nodeHost());
  const common = {
    config,
    weights,
    batchSize: 4,
    distillation: "hard" as const,
    alpha: 0.5,
    tau: 1,
    dropPath: 0,
  };
  const training = await createTraining(executor, { ...common, ema: false });
  const teacher = async () => new Float32Array(12);
  const skipped = batch({ weights: new Float32Array(4) });
  await training.accumulate(await stepInputs(skipped, options(math, { settings, teacher })));
  assert.ok((await training.apply(optimizerStep(settings, 0.1, 1))).applied);
  for (const [name, { data }] of await training.read("weights")) {
    const before = weights.get(name)?.data as Float32Array;
    const free = name.endsWith(".bias") || /norm|pos_embed|cls_token|dist_token/.test(name);
    const factor = free ? 1 : 0.95;
    data.forEach((value, i) => {
      const expected = before[i] * factor;
      assert.ok(
        Math.abs(value - expected) <= 2e-7 * Math.abs(expected),
        `${name}[${i}]: ${value}, not ${expected}`,
      );
    });
  }
  training.dispose();
  await executor.dispose();
});

test.run();
