// WebGPU memory: steps and inferences create no buffers, and disposing of programs frees all of theirs.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { createInference } from "../../runtime/inference/program.js";
import { createTraining } from "../../runtime/training/program.js";
import { MICRO, randomPixels, randomWeights, STEP, trainingInputs, trainingOptions } from "./micro-deit.js";
import { webgpuOrSkip } from "./webgpu-device.js";

const executor = await webgpuOrSkip();
if (executor) {
  const { memory: bare } = executor;

  test("30 training steps with evaluations and checkpoints use only the buffers of the first", async () => {
    const training = await createTraining(executor, trainingOptions());
    const round = async (step: number) => {
      await training.accumulate(trainingInputs(MICRO, 4, step));
      await training.apply({ ...STEP, step });
      await training.evaluate(randomPixels(MICRO, 3, step), 3, "ema");
      if (step % 10 === 1)
        for (const state of ["weights", "secondMoment"] as const) await training.read(state);
    };
    await round(1);
    const { memory } = executor;
    assert.ok(memory.buffers > bare.buffers && memory.bytes > training.bytes / 2);
    for (let step = 2; step <= 30; step++) {
      await round(step);
      assert.equal(executor.memory, memory, `step ${step}`);
    }
    training.dispose();
  });

  test("30 inferences of any size use only the buffers of the first two", async () => {
    const inference = await createInference(executor, MICRO, randomWeights(MICRO, 1), { batchSizes: [1, 4] });
    for (const count of [4, 1]) await inference.logits(randomPixels(MICRO, count, 1), count);
    const { memory } = executor;
    for (let call = 1; call <= 30; call++) {
      const count = 1 + (call % 5);
      await inference.logits(randomPixels(MICRO, count, call), count);
      assert.equal(executor.memory, memory, `call ${call} of ${count}`);
    }
    inference.dispose();
  });

  test("disposed models leave only idle staging buffers", async () => {
    const before = executor.memory;
    for (let turn = 0; turn < 3; turn++) {
      const training = await createTraining(executor, trainingOptions());
      await training.accumulate(trainingInputs(MICRO, 4));
      training.dispose();
      assert.equal(executor.memory, before, `turn ${turn}`);
    }
    await executor.dispose();
    assert.equal(executor.memory, bare);
  });

  test.run();
}
