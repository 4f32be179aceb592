// WebGPU arena: memory in several buffers gives the same bits as memory in one, and is freed with its programs.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import { createWebgpuExecutor, type WebgpuExecutor } from "../../runtime/executors/webgpu/executor.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createInference } from "../../runtime/inference/program.js";
import { createTraining } from "../../runtime/training/program.js";
import { MICRO, randomPixels, randomWeights, STEP, trainingInputs, trainingOptions } from "./micro-deit.js";
import { webgpuOrSkip } from "./webgpu-device.js";

/** The largest tensor of the micro model at this batch has 4 × 18 × 72 values. */
const PIECE = 24 * 1024;

async function results(executor: WebgpuExecutor): Promise<Float32Array[]> {
  const training = await createTraining(executor, trainingOptions({ distillation: "hard" }));
  for (let step = 1; step <= 2; step++) {
    await training.accumulate(trainingInputs(MICRO, 4, step));
    await training.apply({ ...STEP, step });
  }
  const weights = [...(await training.read("weights")).values()].map(({ data }) => data);
  // Smaller programs in the same memory.
  const inference = await createInference(executor, MICRO, randomWeights(MICRO, 1), { batchSizes: [1, 4] });
  const { logits } = await inference.logits(randomPixels(MICRO, 5, 3), 5);
  inference.dispose();
  training.dispose();
  return [...weights, logits];
}

const whole = await webgpuOrSkip();
if (whole) {
  const cut = await createWebgpuExecutor(nodeHost(), { bufferBytes: PIECE });

  test("training and inference in many buffers have the bits of those in one", async () => {
    assert.equal(await results(cut), await results(whole));
    // Idle staging buffers remain.
    const bare = cut.memory;
    const held = await createTraining(cut, trainingOptions());
    const alone = await createTraining(whole, trainingOptions());
    assert.ok(cut.memory.buffers > whole.memory.buffers + 5, `${cut.memory.buffers}`);
    held.dispose();
    alone.dispose();
    assert.equal(cut.memory, bare);
  });

  test("a tensor that is larger than a buffer is refused with the batch that fits", async () => {
    try {
      await createTraining(cut, trainingOptions({ batchSize: 64 }));
      assert.unreachable("64 were planned");
    } catch (error) {
      assert.ok(isVitrineError(error), String(error));
      assert.is(error.code, "graph/memory");
      assert.match(
        error.message,
        /^training step with a batch of 64 has a tensor of \d+\.\d KiB \(.+\), a kernel of this device takes 24\.0 KiB: a batch of \d fits \(--batch-size \d\)/,
      );
    }
  });

  test.after(async () => {
    await cut.dispose();
    await whole.dispose();
  });
  test.run();
}
