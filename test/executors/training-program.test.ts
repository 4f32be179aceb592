// Training program: what a step accumulates, what it leaves unchanged, and how it handles gradients that are not
// finite.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import { nodeHost } from "../../runtime/host/node.js";
import { normalizationTable } from "../../runtime/models/config.js";
import type { BatchLoss, TrainingOptions } from "../../runtime/training/contract.js";
import { adamWSettings } from "../../runtime/training/optimizer-settings.js";
import { createTraining } from "../../runtime/training/program.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { assertClose, assertSameBits } from "../nn/compare.js";
import { MICRO, randomPixels, STEP, trainingInputs, trainingOptions } from "./micro-deit.js";

const executor = await createWasmExecutor(nodeHost());
const create = (changes: Partial<TrainingOptions> = {}) => createTraining(executor, trainingOptions(changes));
const data = (tensors: TensorMap, name: string) => tensors.get(name)?.data as Float32Array;

function assertSameTensors(got: TensorMap, want: TensorMap, what: string): void {
  assert.equal([...got.keys()], [...want.keys()]);
  for (const name of want.keys()) assertSameBits(data(got, name), data(want, name), `${what} ${name}`);
}

test("bytes through the table and normalized floats give the same loss and gradients, bit for bit", async () => {
  const training = await create({ distillation: "hard" });
  const inputs = trainingInputs(MICRO, 4);
  const { loss } = await training.accumulate(inputs);
  const fromBytes = await training.gradients();
  await training.apply({ ...STEP, learningRate: 0 });
  const table = normalizationTable(MICRO);
  const side = MICRO.imageSize;
  const image = Float32Array.from({ length: 4 * 3 * side * side }, (_, i) => {
    const [sample, channel, place] = [
      Math.floor(i / (3 * side * side)),
      Math.floor(i / (side * side)) % 3,
      i % (side * side),
    ];
    const byte = inputs.pixels[(sample * side * side + place) * 3 + channel] as number;
    return table[channel * 256 + byte] as number;
  });
  assert.is((await training.accumulateImages({ ...inputs, image })).loss, loss);
  assertSameTensors(await training.gradients(), fromBytes, "gradient of");
  training.dispose();
});

test("two half batches add up to the gradient of the whole one", async () => {
  const whole = await create({ batchSize: 4 });
  const inputs = trainingInputs(MICRO, 4);
  const { loss } = await whole.accumulate(inputs);
  const half = await create({ batchSize: 2 });
  let sum = 0;
  for (const start of [0, 2]) {
    const part = {
      pixels: inputs.pixels.subarray(
        (start * inputs.pixels.length) / 4,
        ((start + 2) * inputs.pixels.length) / 4,
      ),
      targets: inputs.targets.subarray(start * MICRO.classes, (start + 2) * MICRO.classes),
      sampleWeights: inputs.sampleWeights.subarray(start, start + 2),
    };
    sum += (await half.accumulate(part)).loss;
  }
  assertClose([sum], [loss], 1e-6, "loss");
  const [a, b] = [await whole.gradients(), await half.gradients()];
  for (const name of a.keys()) assertClose(data(b, name), data(a, name), 1e-6, name);
  whole.dispose();
  half.dispose();
});

for (const distillation of ["hard", "soft"] as const)
  for (const pieces of [1, 2])
    test(`${distillation} distillation in ${pieces} pieces: the terms make the loss, and agreement is that of the logits`, async () => {
      const alpha = 0.3;
      const training = await create({ distillation, alpha, tau: 2, pieces });
      const inputs = { ...trainingInputs(MICRO, 4), sampleWeights: Float32Array.of(0.5, 0, 0.25, 0.25) };
      const { logits, classLogits } = await training.evaluate(inputs.pixels, 4, "weights");
      const { classes } = MICRO;
      const rows = (values: Float32Array) =>
        Array.from({ length: 4 }, (_, i) => [...values.subarray(i * classes, (i + 1) * classes)]);
      const decisions = (values: Float32Array) => rows(values).map((row) => row.indexOf(Math.max(...row)));
      const teacherLogits = inputs.teacherLogits as Float32Array;
      // The second sample, of weight 0, must not count; the fourth must.
      const answers = decisions(logits);
      teacherLogits.set(rows(logits)[1] as number[], classes);
      teacherLogits.set(rows(logits)[3] as number[], 3 * classes);
      const alike = [0, 2, 3].filter((i) => decisions(teacherLogits)[i] === answers[i]).length;
      const { loss, terms } = (await training.accumulate(inputs)) as Required<BatchLoss>;
      assert.is(terms.teacherAgreement, (100 * alike) / 3);
      assertClose([(1 - alpha) * terms.base + alpha * terms.distillation], [loss], 1e-6, "loss");
      let base = 0;
      rows(classLogits).forEach((row, i) => {
        const sum = row.reduce((total, value) => total + Math.exp(value), 0);
        row.forEach((value, k) => {
          base -=
            (inputs.sampleWeights[i] as number) *
            (inputs.targets[i * classes + k] as number) *
            (value - Math.log(sum));
        });
      });
      assertClose([terms.base], [base], 1e-5, "base term");
      training.dispose();
      const plain = await create();
      assert.is((await plain.accumulate(inputs)).terms, undefined, "without distillation there are none");
      plain.dispose();
    });

test("a sample of weight 0 changes nothing with any pixels", async () => {
  const inputs = { ...trainingInputs(MICRO, 4), sampleWeights: Float32Array.of(0.5, 0, 0.5, 0) };
  const results: TensorMap[] = [];
  for (const seed of [1, 2]) {
    const training = await create();
    const pixels = inputs.pixels.slice();
    const sample = pixels.length / 4;
    pixels.set(randomPixels(MICRO, 1, seed), sample);
    await training.accumulate({ ...inputs, pixels });
    results.push(await training.gradients());
    training.dispose();
  }
  const [a, b] = results as [TensorMap, TensorMap];
  assertSameTensors(b, a, "gradient of");
  assert.ok(data(a, "head.weight").some((value) => value !== 0));
});

test("a gradient that is not finite changes nothing and is cleared", async () => {
  const training = await create();
  const weights = await training.read("weights");
  const inputs = trainingInputs(MICRO, 4);
  const targets = inputs.targets.slice();
  targets[3] = Number.NaN;
  await training.accumulate({ ...inputs, targets });
  const failed = await training.apply(STEP);
  assert.is(failed.applied, false);
  assert.not(Number.isFinite(failed.gradientNorm));
  assertSameTensors(await training.read("weights"), weights, "weights");
  assertSameTensors(await training.read("ema"), weights, "average");
  assert.ok(
    [...(await training.read("firstMoment")).values()].every((tensor) => tensor.data.every((x) => x === 0)),
  );
  assert.ok([...(await training.gradients()).values()].every((tensor) => tensor.data.every((x) => x === 0)));
  await training.accumulate(inputs);
  const { applied, gradientNorm } = await training.apply(STEP);
  assert.ok(applied && gradientNorm > 0);
  assert.ok(
    data(await training.read("weights"), "head.weight").some((x, i) => x !== data(weights, "head.weight")[i]),
  );
  training.dispose();
});

test("the norm is that of all gradients together", async () => {
  const training = await create({ distillation: "soft", tau: 3 });
  await training.accumulate(trainingInputs(MICRO, 4));
  let sum = 0;
  for (const tensor of (await training.gradients()).values())
    for (const value of tensor.data) sum += value * value;
  const { gradientNorm } = await training.apply(STEP);
  assertClose([gradientNorm], [Math.sqrt(sum)], 1e-12 * Math.sqrt(sum), "norm");
  training.dispose();
});

test("without distillation the second head is skipped, including its weight decay", async () => {
  const training = await create({ distillation: "none" });
  const before = await training.read("weights");
  await training.accumulate(trainingInputs(MICRO, 4));
  await training.apply({ ...STEP, weightDecay: 0.5 });
  const after = await training.read("weights");
  for (const name of ["head_dist.weight", "head_dist.bias"])
    assertSameBits(data(after, name), data(before, name), name);
  assert.ok(data(after, "dist_token").some((value, i) => value !== data(before, "dist_token")[i]));
  training.dispose();
});

test("frozen parameters stay, with their average; the others have the gradients they would have, and the norm is theirs", async () => {
  const whole = await create({ batchSize: 4, ema: true });
  const names = [...(await whole.read("weights")).keys()];
  // A pause in the middle: gradients pass through a frozen block to what is before it.
  const frozen = names.filter((name) => /^blocks\.1\.|^pos_embed$|^head\.bias$/.test(name));
  const part = await create({ batchSize: 4, ema: true, frozen });
  const inputs = trainingInputs(MICRO, 4);
  const losses = [await whole.accumulate(inputs), await part.accumulate(inputs)];
  assert.is(losses[1].loss, losses[0].loss);
  const [all, some] = [await whole.gradients(), await part.gradients()];
  let squares = 0;
  for (const name of names) {
    if (frozen.includes(name))
      assert.ok(
        data(some, name).every((value) => value === 0),
        name,
      );
    else {
      assertSameBits(data(some, name), data(all, name), `gradient of ${name}`);
      for (const value of data(some, name)) squares += value * value;
    }
  }
  const before = [await part.read("weights"), await part.read("ema")];
  const { gradientNorm } = await part.apply({ ...STEP, weightDecay: 0.5, emaDecay: 0.5 });
  assertClose([gradientNorm], [Math.sqrt(squares)], 1e-6 * Math.sqrt(squares), "norm");
  const after = [await part.read("weights"), await part.read("ema")];
  for (const name of names)
    for (const [i, tensors] of after.entries()) {
      const same = data(tensors, name).every((value, place) => value === data(before[i], name)[place]);
      assert.is(same, frozen.includes(name) || (name.startsWith("head_dist") && same), name);
    }
  whole.dispose();
  part.dispose();
});

test("weight decay excludes biases, norms, tokens, positions and the requested names", async () => {
  const decay = { ...STEP, learningRate: 0.1, weightDecay: 1 };
  for (const noDecay of [undefined, ["pos_embed", "cls_token"]]) {
    const training = await create({ noDecay, distillation: "hard" });
    const before = await training.read("weights");
    // No gradient at all: only the decay moves weights.
    await training.apply(decay);
    const after = await training.read("weights");
    for (const [name, { shape }] of before) {
      const spared =
        shape.length === 1 || ["pos_embed", "cls_token", ...(noDecay ? [] : ["dist_token"])].includes(name);
      const factor = spared ? 1 : 0.9;
      assertClose(
        data(after, name),
        data(before, name).map((value) => value * factor),
        1e-7,
        name,
      );
    }
    training.dispose();
  }
});

test("state that is written can be read, and another training continues from it with the same bits", async () => {
  const inputs = trainingInputs(MICRO, 4);
  const [first, second] = [await create({ distillation: "hard" }), await create({ distillation: "hard" })];
  await first.accumulate(inputs);
  await first.apply(STEP);
  for (const state of ["weights", "ema", "firstMoment", "secondMoment"] as const) {
    second.write(state, await first.read(state));
    assertSameTensors(await second.read(state), await first.read(state), state);
  }
  for (const training of [first, second]) {
    await training.accumulate(inputs);
    await training.apply({ ...STEP, step: 2, clipNorm: 0.1 });
  }
  for (const state of ["weights", "ema"] as const)
    assertSameTensors(await second.read(state), await first.read(state), state);
  first.dispose();
  second.dispose();
});

test("SGD keeps no second moment: a store less, none to read, and one that is written is ignored", async () => {
  const [adamw, sgd] = [await create(), await create({ optimizer: "sgd" })];
  const weights = await sgd.read("weights");
  const bytes = [...weights.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
  const saved = adamw.bytes - sgd.bytes;
  assert.ok(saved >= bytes && saved < 1.1 * bytes, `${saved} of ${bytes}`);
  assert.is((await sgd.read("secondMoment")).size, 0);
  assert.is((await sgd.read("firstMoment")).size, weights.size);
  sgd.write("secondMoment", weights);
  assert.throws(() => sgd.write("firstMoment", new Map()), /cls_token/);
  adamw.dispose();
  sgd.dispose();
});

test("evaluation uses the weights or their average, for any count up to the batch", async () => {
  const training = await create();
  await training.accumulate(trainingInputs(MICRO, 4));
  await training.apply(STEP);
  const pixels = randomPixels(MICRO, 4, 9);
  const sample = pixels.length / 4;
  const weights = await training.evaluate(pixels, 4, "weights");
  const average = await training.evaluate(pixels, 4, "ema");
  assert.ok(weights.logits.some((value, i) => value !== average.logits[i]));
  const three = await training.evaluate(pixels.subarray(0, 3 * sample), 3, "ema");
  assertSameBits(three.logits, average.logits.slice(0, 3 * MICRO.classes), "three images");
  training.dispose();
});

test("a training without an average refuses to return one, and inputs are checked", async () => {
  const training = await create({ ema: false, dropPath: 0.1, distillation: "hard" });
  const refused = async (attempt: () => Promise<unknown>, text: RegExp) => {
    const message = await attempt().then(
      () => "nothing was refused",
      (error: Error) => error.message,
    );
    assert.match(message, text);
  };
  await refused(() => training.read("ema"), /no moving average/);
  await refused(() => training.evaluate(randomPixels(MICRO, 1, 1), 1, "ema"), /no moving average/);
  const inputs = trainingInputs(MICRO, 4);
  const branchScales = new Float32Array(MICRO.depth * 2 * 4).fill(1);
  await refused(() => training.accumulate(inputs), /branchScale\.0\.attn got nothing/);
  const short = branchScales.subarray(1);
  await refused(
    () => training.accumulate({ ...inputs, branchScales: short }),
    /expected 16: \[depth 2, 2, batch 4\]/,
  );
  const { teacherLogits: _, ...untaught } = { ...inputs, branchScales };
  await refused(() => training.accumulate(untaught), /teacherLogits got nothing/);
  await refused(() => training.apply({ ...STEP, step: 0 }), /steps count from 1/);
  training.dispose();
});

test("memory is freed, and its size is known beforehand", async () => {
  const before = executor.capabilities.limitBytes;
  const first = await create();
  assert.ok(first.bytes > 0 && first.bytes < 2_000_000);
  first.dispose();
  const held = executor.capabilities.limitBytes;
  for (let turn = 0; turn < 20; turn++) (await create()).dispose();
  assert.is(executor.capabilities.limitBytes, held);
  assert.ok(held <= before);
  const huge = { ...MICRO, imageSize: 224 };
  const message = await createTraining(executor, trainingOptions({ config: huge, batchSize: 2048 })).then(
    () => "it was made",
    (error: Error) => error.message,
  );
  assert.match(message, /training step with a batch of 2048 needs .* MiB, .* are left: a batch of \d+ fits/);
});

test("bias corrections are 1 − βᵗ", () => {
  for (const step of [1, 2, 3, 10, 1000, 123_456]) {
    const settings = adamWSettings({ ...STEP, step });
    assertClose([settings[5] as number], [1 - STEP.beta1 ** step], 1e-14, "first");
    assertClose([settings[6] as number], [1 - STEP.beta2 ** step], 1e-13, "second");
  }
});

test.run();
