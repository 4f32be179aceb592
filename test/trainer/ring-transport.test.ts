// Ring transport: gradients that travel as halves change the losses a little, and leave all ranks with the same bits.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Transport } from "../../client/node/collective/contract.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost } from "../../runtime/host/node.js";
import type { Runtime } from "../../runtime/runtime.js";
import type { PieceTraining, Training, TrainingInputs } from "../../runtime/training/contract.js";
import { createTraining } from "../../runtime/training/program.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { RankedTraining } from "../../trainer/ranks/ranked-training.js";
import { formRanks } from "../collective/ranks.js";
import { MICRO, STEP, trainingInputs, trainingOptions } from "../executors/micro-deit.js";

const RANKS = 4;
const SAMPLES = 16;
const STEPS = 60;
const BATCHES = 4;

interface Outcome {
  /** The batch's loss of each step. */
  losses: number[];
  /** Of each rank: weights, moments and average. */
  states: string[];
}

const test = suite<{ runtime: Runtime; alone: Outcome }>("ring transport");

/** The part of a rank: its piece of the batch. */
function pieceOf(inputs: TrainingInputs, rank: number): TrainingInputs {
  const part = <Values extends Uint8Array | Float32Array>(values: Values): Values => {
    const each = values.length / RANKS;
    return values.subarray(rank * each, (rank + 1) * each) as Values;
  };
  const { pixels, targets, sampleWeights, teacherLogits } = inputs;
  return {
    pixels: part(pixels),
    targets: part(targets),
    sampleWeights: part(sampleWeights),
    teacherLogits: part(teacherLogits as Float32Array),
  };
}

const createOwn = (runtime: Runtime): Promise<PieceTraining> =>
  createTraining(
    runtime.executor,
    trainingOptions({ batchSize: SAMPLES, pieces: RANKS, distillation: "hard" }),
  );

/** As hexadecimal digits: NaN and −0 count. */
async function stateOf(training: Training): Promise<string> {
  const hex = (tensors: TensorMap): string =>
    [...tensors.values()].map(({ data }) => Buffer.from(data.slice().buffer).toString("hex")).join("");
  const states = ["weights", "firstMoment", "secondMoment", "ema"] as const;
  return (await Promise.all(states.map(async (state) => hex(await training.read(state))))).join("");
}

async function trainSteps(training: Training, inputsOf: (inputs: TrainingInputs) => TrainingInputs) {
  const losses: number[] = [];
  for (let step = 1; step <= STEPS; step++) {
    const inputs = trainingInputs(MICRO, SAMPLES, step % BATCHES);
    losses.push((await training.accumulate(inputsOf(inputs))).loss);
    await training.apply({ ...STEP, learningRate: 1e-3, clipNorm: 1, step });
  }
  return losses;
}

async function trainRanked(runtime: Runtime, transport: Transport): Promise<Outcome> {
  const { formed, close } = await formRanks(RANKS, { transport, pieces: RANKS });
  const trainings = await Promise.all(formed.map(() => createOwn(runtime)));
  try {
    const ranked = formed.map(
      ({ group }, at) => new RankedTraining(trainings[at], group, { pieces: 1, isDistilled: true }),
    );
    const [losses] = await Promise.all(
      ranked.map((training, rank) => trainSteps(training, (inputs) => pieceOf(inputs, rank))),
    );
    return { losses, states: await Promise.all(trainings.map(stateOf)) };
  } finally {
    await close();
    for (const training of trainings) training.dispose();
  }
}

test.before(async (context) => {
  context.runtime = await createRuntime({ host: nodeHost(), device: "wasm", threads: 1 });
  const training = await createOwn(context.runtime);
  context.alone = {
    losses: await trainSteps(training, (inputs) => inputs),
    states: [await stateOf(training)],
  };
  training.dispose();
});

test.after(({ runtime }) => runtime.dispose());

test("float32 changes no bit", async ({ runtime, alone }) => {
  const { losses, states } = await trainRanked(runtime, "float32");
  assert.equal(losses, alone.losses);
  for (const state of states) assert.ok(state === alone.states[0]);
});

/** Between the losses of a step; measured: 0.00010 and 0.00014. */
const MOST = 0.001;

for (const transport of ["float16", "bfloat16"] as const)
  test(`${transport} rounds alike on all ranks, and moves the loss by less than ${MOST}`, async ({
    runtime,
    alone,
  }) => {
    const { losses, states } = await trainRanked(runtime, transport);
    assert.is(states.length, RANKS);
    for (const state of states) assert.ok(state === states[0], "a rank has other bits than rank 0");
    assert.not.ok(states[0] === alone.states[0], "nothing was rounded");
    const differences = losses.map((loss, at) => Math.abs(loss - alone.losses[at]));
    assert.ok(Math.max(...differences) < MOST, `${Math.max(...differences)}`);
  });

test.run();
