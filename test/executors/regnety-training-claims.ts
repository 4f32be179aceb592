// RegNetY training claims: the one training program trains a convnet too, on any executor: running statistics move, are
// averaged and evaluated with, and a state that is read and written back continues as if nothing had happened.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Executor } from "../../runtime/executors/executor.js";
import { createInference } from "../../runtime/inference/program.js";
import type { RegnetyConfig } from "../../runtime/models/regnety/config.js";
import type { OptimizerStep, TrainingInputs, TrainingOptions } from "../../runtime/training/contract.js";
import { createTraining } from "../../runtime/training/program.js";
import { isBuffer, type TensorMap } from "../../runtime/weights/tensor-map.js";
import { SYNTHETIC_REGNETY, syntheticRegnety } from "../models/synthetic-regnety.js";
import { assertClose } from "../nn/compare.js";
import { randomPixels, STEP, trainingInputs } from "./micro-deit.js";

export const CONVNET: RegnetyConfig = { ...SYNTHETIC_REGNETY, classes: 5 };
export const BATCH = 4;
export const CONVNET_STEP: OptimizerStep = { ...STEP, step: 1, emaDecay: 0.75 };

export function convnetOptions(changes: Partial<TrainingOptions> = {}): TrainingOptions {
  return {
    config: CONVNET,
    weights: syntheticRegnety(CONVNET),
    batchSize: BATCH,
    distillation: "none",
    alpha: 0.5,
    tau: 1,
    dropPath: 0,
    ema: true,
    lossScaling: false,
    ...changes,
  };
}

export function convnetInputs(seed = 2): TrainingInputs {
  const { teacherLogits: _, ...inputs } = trainingInputs(CONVNET, BATCH, seed);
  return inputs;
}

export function data(tensors: TensorMap, name: string): Float32Array {
  const found = tensors.get(name);
  assert.ok(found, name);
  return (found as { data: Float32Array }).data;
}

/** Registers a test for each claim; `tolerance` is relative to a tensor's largest value. */
export function regnetyTrainingClaims(executor: Executor, tolerance: number): void {
  const close = (got: ArrayLike<number>, want: ArrayLike<number>, name: string): void => {
    const largest = Array.from(want).reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
    assertClose(got, want, tolerance * largest, name);
  };

  test("running statistics move with each batch, and their average after each step as the weights' does", async () => {
    const training = await createTraining(executor, convnetOptions());
    const before = await training.read("weights");
    await training.accumulate(convnetInputs());
    await training.apply(CONVNET_STEP);
    const [after, average] = [await training.read("weights"), await training.read("ema")];
    assert.equal([...after.keys()], [...before.keys()]);
    for (const [name, { data: old }] of before) {
      const now = data(after, name);
      if (isBuffer(name)) assert.ok(!now.every((value, i) => value === old[i]), `${name} moved`);
      close(
        data(average, name),
        now.map((value, i) => 0.75 * old[i] + 0.25 * value),
        name,
      );
    }
    assert.is(training.batchesTracked, 1);
    const moments = await training.read("firstMoment");
    assert.equal(
      [...moments.keys()],
      [...before.keys()].filter((name) => !isBuffer(name)),
    );
    training.dispose();
  });

  test("an evaluation gives the logits that the same weights give when they are served", async () => {
    const training = await createTraining(executor, convnetOptions());
    for (const step of [1, 2]) {
      await training.accumulate(convnetInputs(step));
      await training.apply({ ...CONVNET_STEP, step });
    }
    const pixels = randomPixels(CONVNET, 3, 9);
    for (const state of ["weights", "ema"] as const) {
      const served = await createInference(executor, CONVNET, await training.read(state));
      const { logits } = await training.evaluate(pixels, 3, state);
      close(logits, (await served.logits(pixels, 3)).logits, state);
      served.dispose();
    }
    training.dispose();
  });
}
