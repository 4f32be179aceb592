// WebGPU readback: a step is on its way before the results of the one before it have come, and nobody has to wait for them.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { createWebgpuExecutor } from "../../runtime/executors/webgpu/executor.js";
import type { Training, TrainingInputs } from "../../runtime/training.js";
import { createTraining } from "../../runtime/training-program.js";
import { MICRO, STEP, trainingInputs, trainingOptions } from "./micro-deit.js";
import { observedHost, webgpuOrSkip } from "./webgpu-device.js";

/** Makes every buffer of the device wait for `release` before its mapping is told. */
function withholdResults(device: GPUDevice): { waiting: () => number; release: () => void } {
  const held: (() => void)[] = [];
  let open = false;
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    const mapAsync = buffer.mapAsync.bind(buffer);
    buffer.mapAsync = async (...range) => {
      await mapAsync(...range);
      if (!open) await new Promise<void>((resolve) => held.push(resolve));
    };
    return buffer;
  };
  const release = () => {
    open = true;
    for (const resolve of held.splice(0)) resolve();
  };
  return { waiting: () => held.length, release };
}

const inputsOf = (step: number): TrainingInputs => trainingInputs(MICRO, 4, step);
const settingsOf = (step: number) => ({ ...STEP, step, clipNorm: 0.5 });

async function oneByOne(training: Training): Promise<number[]> {
  const told: number[] = [];
  for (let step = 1; step <= 3; step++) {
    const { loss } = await training.accumulate(inputsOf(step));
    told.push(loss, (await training.apply(settingsOf(step))).gradientNorm);
  }
  return told;
}

const found = await webgpuOrSkip();
if (found) {
  test("three steps are submitted while no result has been told, and end as steps one by one", async () => {
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
      // From here on the inputs are the caller's again.
      for (const values of [inputs.pixels, inputs.targets, inputs.sampleWeights]) values.fill(0);
      outcomes.push(outcome);
    }
    let told = 0;
    for (const outcome of outcomes) void outcome.then(() => told++);
    await opened[0]?.queue.onSubmittedWorkDone();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.is(told, 0);
    assert.ok(results.waiting() > 0, "the results are there, and withheld");
    results.release();
    const got = (await Promise.all(outcomes)).flatMap(({ loss, gradientNorm }) => [loss, gradientNorm]);
    assert.equal(got, want);
    const [weights, wanted] = [await training.read("weights"), await reference.read("weights")];
    for (const [name, { data }] of wanted) assert.equal(weights.get(name)?.data, data, name);
    reference.dispose();
    await executor.dispose();
  });

  test("results that nobody asks for cost no buffer and no error, even when the device goes", async () => {
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
