// Loss scale on the float16 tier, its purpose: small gradients keep their digits, and a scale that is too large
// decreases.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Executor } from "../../runtime/executors/executor.js";
import { nodeHost } from "../../runtime/host/node.js";
import type { LossScale } from "../../runtime/training/contract.js";
import { createTraining } from "../../runtime/training/program.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { MICRO, STEP, trainingInputs, trainingOptions } from "./micro-deit.js";
import { webgpuOrSkip } from "./webgpu-device.js";

/** Gradients of a loss multiplied by `weight`. */
async function gradientsOf(executor: Executor, weight: number, lossScaling: boolean): Promise<TensorMap> {
  const training = await createTraining(executor, trainingOptions({ lossScaling }));
  const sampleWeights = new Float32Array(4).fill(weight / 4);
  await training.accumulate({ ...trainingInputs(MICRO, 4), sampleWeights });
  const gradients = await training.gradients();
  training.dispose();
  return gradients;
}

/** |got − want| / |want|, over all tensors. */
function relativeError(got: TensorMap, want: TensorMap): number {
  let [difference, length] = [0, 0];
  for (const [name, { data }] of want) {
    const other = got.get(name)?.data as Float32Array;
    data.forEach((value, i) => {
      difference += (value - (other[i] as number)) ** 2;
      length += value ** 2;
    });
  }
  return Math.sqrt(difference / length);
}

const half = await webgpuOrSkip(nodeHost(), "float16");
if (half) {
  const full = (await webgpuOrSkip(nodeHost(), "float32")) as Executor;

  test("gradients of a millionth keep float16's digits with a scale and lose them without one", async () => {
    for (const weight of [1, 1e-4, 1e-6]) {
      const want = await gradientsOf(full, weight, false);
      const error = relativeError(await gradientsOf(half, weight, true), want);
      assert.ok(error < 3e-3, `weight ${weight}: ${error}`);
    }
    const want = await gradientsOf(full, 1e-6, false);
    assert.ok(relativeError(await gradientsOf(half, 1e-6, false), want) > 0.5);
  });

  test("a scale that is too large halves step by step, and the first one that fits trains", async () => {
    const training = await createTraining(half, trainingOptions({ lossScaling: true }));
    training.writeLossScale?.({ scale: 2 ** 30, goodSteps: 0, skipped: 0 });
    const scales: number[] = [];
    let state: LossScale | undefined;
    for (let step = 1; step <= 30 && !state?.goodSteps; step++) {
      const before = (await training.read("weights")).get("head.weight")?.data as Float32Array;
      await training.accumulate(trainingInputs(MICRO, 4));
      const { applied, lossScale } = await training.apply({ ...STEP, step });
      const after = (await training.read("weights")).get("head.weight")?.data as Float32Array;
      assert.is(
        applied,
        after.some((value, i) => value !== before[i]),
      );
      scales.push((lossScale as LossScale).scale);
      state = lossScale;
    }
    const halvings = scales.length - 1;
    assert.ok(halvings > 5 && halvings < 25, `${halvings} steps were left out`);
    assert.equal(
      scales.slice(0, -1),
      Array.from({ length: halvings }, (_, i) => 2 ** (29 - i)),
    );
    assert.equal(state, { scale: 2 ** (30 - halvings), goodSteps: 1, skipped: halvings });
    training.dispose();
  });

  test.after(async () => {
    await half.dispose();
    await full.dispose();
  });
  test.run();
}
