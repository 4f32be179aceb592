// WebGPU readback: a step is submitted before the results of the previous one arrive, without waiting for them.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { EvaluationBatch, EvaluationSource } from "../../runtime/batches/batch-source.js";
import { createWebgpuExecutor } from "../../runtime/executors/webgpu/executor.js";
import { createInference } from "../../runtime/inference/program.js";
import type { Training, TrainingInputs } from "../../runtime/training/contract.js";
import { createTraining } from "../../runtime/training/program.js";
import { type ValidationScores, validate } from "../../trainer/core/validation.js";
import { MICRO, randomPixels, randomWeights, STEP, trainingInputs, trainingOptions } from "./micro-deit.js";
import { observedHost, webgpuOrSkip } from "./webgpu-device.js";
import { idle, withholdResults } from "./withheld-results.js";

/** Batches of 4, 4, 4 and 2 images. */
function evaluationSource(asked: { batches: number }): EvaluationSource {
  const description = { fingerprint: "", samples: 14, classes: ["a", "b"], instance: "" };
  const pixels = randomPixels(MICRO, 4, 0);
  async function* batches(): AsyncGenerator<EvaluationBatch> {
    for (const [batch, count] of [4, 4, 4, 2].entries()) {
      asked.batches++;
      pixels.set(randomPixels(MICRO, count, batch));
      const labels = Int32Array.from({ length: count }, (_, i) => (batch + i) % 2);
      yield { count, pixels: pixels.subarray(0, (pixels.length / 4) * count), labels, names: [] };
      // From here on the source may reuse the arrays.
      pixels.fill(0);
      labels.fill(0);
    }
  }
  return { description, batches, close: async () => {} };
}

const inputsOf = (step: number): TrainingInputs => trainingInputs(MICRO, 4, step);
const settingsOf = (step: number) => ({ ...STEP, step, clipNorm: 0.5 });

async function oneByOne(training: Training): Promise<number[]> {
  const results: number[] = [];
  for (let step = 1; step <= 3; step++) {
    const { loss } = await training.accumulate(inputsOf(step));
    results.push(loss, (await training.apply(settingsOf(step))).gradientNorm);
  }
  return results;
}

const found = await webgpuOrSkip();
if (found) {
  test("three steps are submitted before any result is read, with the same results as sequential steps", async () => {
    const reference = await createTraining(found, trainingOptions());
    const want = await oneByOne(reference);
    const { host, opened } = observedHost();
    const executor = await createWebgpuExecutor(host);
    const results = withholdResults(opened[0] as GPUDevice);
    const training = await createTraining(executor, trainingOptions());
    const outcomes = [];
    for (let step = 1; step <= 3; step++) {
      const inputs = inputsOf(step);
      const { outcome } = await (training as Required<Training>).submit(inputs, settingsOf(step));
      // From here on the caller may reuse the inputs.
      for (const values of [inputs.pixels, inputs.targets, inputs.sampleWeights]) values.fill(0);
      outcomes.push(outcome);
    }
    let settled = 0;
    for (const outcome of outcomes) void outcome.then(() => settled++);
    await idle(opened[0]);
    assert.is(settled, 0);
    assert.ok(results.waiting() > 0, "the results are there, and withheld");
    results.release();
    const got = (await Promise.all(outcomes)).flatMap(({ loss, gradientNorm }) => [loss, gradientNorm]);
    assert.equal(got, want);
    const [weights, wanted] = [await training.read("weights"), await reference.read("weights")];
    for (const [name, { data }] of wanted) assert.equal(weights.get(name)?.data, data, name);
    reference.dispose();
    await executor.dispose();
  });

  test("a validation submits one batch, never two, before it reads the answers of the previous one", async () => {
    const scores: ValidationScores[] = [];
    const asked = { batches: 0 };
    const options = { source: evaluationSource(asked), classMap: Int32Array.of(3, 1), ema: true };
    const reference = await createTraining(found, trainingOptions());
    scores.push(await validate(reference, options));
    reference.dispose();
    const { host, opened } = observedHost();
    const executor = await createWebgpuExecutor(host);
    const training = await createTraining(executor, trainingOptions());
    const results = withholdResults(opened[0] as GPUDevice);
    asked.batches = 0;
    const validation = validate(training, options);
    await idle(opened[0]);
    assert.is(asked.batches, 2);
    assert.is(results.submissions(), 4, "weights and average of two batches");
    results.release();
    scores.push(await validation);
    assert.is(asked.batches, 4);
    assert.equal(scores[1], scores[0]);
    assert.is(scores[0]?.images, 14);
    await executor.dispose();
  });

  test("an inference in several runs has two of them underway, and the same logits as single runs", async () => {
    const pixels = randomPixels(MICRO, 9, 4);
    const [weights, sample] = [randomWeights(MICRO, 1), pixels.length / 9];
    const alone = await createInference(found, MICRO, weights, { batchSizes: [1] });
    const want: number[] = [];
    for (let image = 0; image < 9; image++)
      want.push(...(await alone.logits(pixels.subarray(image * sample, (image + 1) * sample), 1)).logits);
    alone.dispose();
    const { host, opened } = observedHost();
    const executor = await createWebgpuExecutor(host);
    const inference = await createInference(executor, MICRO, weights, { batchSizes: [1, 2] });
    const results = withholdResults(opened[0] as GPUDevice);
    const logits = inference.logits(pixels, 9);
    await idle(opened[0]);
    assert.is(results.submissions(), 2);
    results.release();
    assert.equal(Array.from((await logits).logits), want);
    assert.is(results.submissions(), 5);
    await executor.dispose();
  });

  test("results that are never read leak no buffer and raise no error, even when the device is lost", async () => {
    const { host, opened } = observedHost();
    const executor = await createWebgpuExecutor(host);
    const training = await createTraining(executor, trainingOptions());
    const submit = (step: number) =>
      (training as Required<Training>).submit(inputsOf(step), settingsOf(step));
    for (let step = 1; step <= 4; step++) await submit(step);
    await training.read("weights");
    const { memory } = executor;
    for (let step = 5; step <= 12; step++) {
      await submit(step);
      if (step % 4 === 0) await training.read("weights");
    }
    assert.equal(executor.memory, memory);
    await submit(13);
    opened[0]?.destroy();
    await opened[0]?.lost;
    await new Promise((resolve) => setTimeout(resolve, 50));
    await executor.dispose();
  });

  test.after(() => found.dispose());
  test.run();
}
