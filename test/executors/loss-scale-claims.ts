// Loss scale claims: training with a scale equals training without one, bit for bit, until a gradient overflows; then
// exactly one step is skipped.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Executor } from "../../runtime/executors/executor.js";
import { GraphBuilder } from "../../runtime/graph/graph.js";
import { type LossScaleRule, updateLossScale } from "../../runtime/graph/operations/loss-scale.js";
import { sumOfSquares } from "../../runtime/graph/operations/optimizer.js";
import { planProgram } from "../../runtime/graph/planner.js";
import type {
  LossScale,
  StepOutcome,
  Training,
  TrainingInputs,
  TrainingOptions,
} from "../../runtime/training/contract.js";
import {
  LOSS_SCALE,
  LOSS_SCALE_LAYOUT,
  readReport,
  storedLossScale,
  writeLossScale,
} from "../../runtime/training/loss-scale.js";
import { adamWSettings } from "../../runtime/training/optimizer-settings.js";
import { createTraining } from "../../runtime/training/program.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { assertClose, assertSameBits } from "../nn/compare.js";
import { Random } from "../nn/random.js";
import { referenceLossScale, TORCH_SEQUENCE } from "../nn/reference-loss-scale.js";
import { keyBias } from "./executor-claims.js";
import { MICRO, STEP, trainingInputs, trainingOptions } from "./micro-deit.js";

const STATES = ["weights", "ema", "firstMoment", "secondMoment"] as const;
const DISTILLED = { distillation: "hard", dropPath: 0.3, pieces: 2 } as const;

const settingsOf = (step: number) => ({ ...STEP, step, learningRate: 1e-3, clipNorm: 0.5 });

function inputsOf(step: number): TrainingInputs {
  const branchScales = Float32Array.from({ length: MICRO.depth * 2 * 4 }, (_, i) =>
    (i + step) % 3 === 0 ? 0 : 1.25,
  );
  return { ...trainingInputs(MICRO, 4, 10 * step), branchScales };
}

/** Loss and gradient are finite, and the gradient times 65,536 is not. */
function overflowing(step: number): TrainingInputs {
  return { ...inputsOf(step), sampleWeights: new Float32Array(4).fill(1e35) };
}

async function stepOf(training: Training, inputs: TrainingInputs, step: number): Promise<StepOutcome> {
  const { loss, terms } = await training.accumulate(inputs);
  return { loss, ...(terms && { terms }), ...(await training.apply(settingsOf(step))) };
}

type States = Record<(typeof STATES)[number], TensorMap>;

async function statesOf(training: Training): Promise<States> {
  const read = async (state: (typeof STATES)[number]) => [state, await training.read(state)] as const;
  return Object.fromEntries(await Promise.all(STATES.map(read))) as States;
}

function assertSameStates(got: States, want: States): void {
  for (const state of STATES)
    for (const [name, { data }] of want[state])
      assertSameBits(got[state].get(name)?.data as Float32Array, data, `${state} ${name}`);
}

/** Float32's resolution of the moments' bias corrections, as a fraction of each tensor's largest value. */
function assertNearStates(got: States, want: States, tolerance: number): void {
  for (const state of STATES)
    for (const [name, { data }] of want[state]) {
      const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const isNoise = keyBias(name, data);
      const allowed = Array.from(data, (_, i) =>
        tolerance > 0 && isNoise(i) ? largest : tolerance * largest,
      );
      assertClose(got[state].get(name)?.data ?? [], data, allowed, `${state} ${name}`);
    }
}

/** Registers the tests. `tolerance`: by how much corrections that are computed on the device may move a state. */
export function lossScaleClaims(device: string, executor: Executor, tolerance: number): void {
  const create = (changes: Partial<TrainingOptions>) =>
    createTraining(executor, trainingOptions({ ...DISTILLED, ...changes }));
  const scaled = (changes: Partial<TrainingOptions> = {}) => create({ lossScaling: true, ...changes });

  test(`${device}: three scaled steps are three steps without a scale, bit for bit`, async () => {
    const [plain, training] = [await create({}), await scaled()];
    assert.is(plain.writeLossScale, undefined);
    for (let step = 1; step <= 3; step++) {
      const want = await plain.accumulate(inputsOf(step));
      assert.is((await training.accumulate(inputsOf(step))).loss, want.loss);
      const [got, gradients] = [await training.gradients(), await plain.gradients()];
      for (const [name, { data }] of gradients)
        assertSameBits(got.get(name)?.data as Float32Array, data, `gradient of ${name}`);
      const applied = await plain.apply(settingsOf(step));
      const lossScale: LossScale = { scale: 65_536, goodSteps: step, skipped: 0 };
      assert.equal(await training.apply(settingsOf(step)), { ...applied, lossScale });
    }
    assertSameStates(await statesOf(training), await statesOf(plain));
    training.dispose();
    plain.dispose();
  });

  test(`${device}: a step whose gradient overflows is skipped entirely and not counted`, async () => {
    const [plain, training] = [await create({}), await scaled()];
    for (const each of [plain, training]) await stepOf(each, inputsOf(1), 1);
    const before = await statesOf(training);
    const { loss, applied, gradientNorm, lossScale } = await stepOf(training, overflowing(2), 2);
    assert.ok(Number.isFinite(loss) && !Number.isFinite(gradientNorm));
    assert.equal([applied, lossScale], [false, { scale: 32_768, goodSteps: 0, skipped: 1 }]);
    assertSameStates(await statesOf(training), before);
    for (const { data } of (await training.gradients()).values())
      assertSameBits(data, new Float32Array(data.length), "gradient after the step");

    // After it everything is as if the step had not occurred, except that the scale is halved.
    for (let step = 2; step <= 4; step++) {
      const want = await stepOf(plain, inputsOf(step), step);
      const got = await stepOf(training, inputsOf(step), step + 1);
      assertClose([got.loss], [want.loss], tolerance * want.loss, "loss");
      assert.equal(got.lossScale, { scale: 32_768, goodSteps: step - 1, skipped: 1 });
    }
    assertNearStates(await statesOf(training), await statesOf(plain), tolerance);
    training.dispose();
    plain.dispose();
  });

  test(`${device}: the scale doubles after 2,000 good steps in a row, and never beyond 2^126`, async () => {
    const training = await scaled();
    const after = async (state: LossScale, inputs = inputsOf(1)) => {
      training.writeLossScale?.(state);
      return (await stepOf(training, inputs, 1)).lossScale;
    };
    const none = { ...inputsOf(1), sampleWeights: new Float32Array(4) };
    assert.equal(await after({ scale: 1024, goodSteps: 1998, skipped: 0 }), {
      ...{ scale: 1024, goodSteps: 1999, skipped: 0 },
    });
    assert.equal((await stepOf(training, inputsOf(2), 2)).lossScale, {
      ...{ scale: 2048, goodSteps: 0, skipped: 0 },
    });
    assert.equal(await after({ scale: 2 ** 126, goodSteps: 1999, skipped: 0 }, none), {
      ...{ scale: 2 ** 126, goodSteps: 0, skipped: 0 },
    });
    training.dispose();
  });

  test(`${device}: a training that receives the state of another continues with the same bits`, async () => {
    const [first, second] = [await scaled(), await scaled()];
    await stepOf(first, inputsOf(1), 1);
    const { lossScale } = await stepOf(first, overflowing(2), 2);
    const states = await statesOf(first);
    for (const state of STATES) second.write(state, states[state]);
    second.writeLossScale?.(lossScale as LossScale);
    for (let step = 3; step <= 5; step++) {
      const inputs = step === 4 ? overflowing(step) : inputsOf(step);
      assert.equal(await stepOf(second, inputs, step), await stepOf(first, inputs, step));
    }
    assertSameStates(await statesOf(second), await statesOf(first));
    first.dispose();
    second.dispose();
  });

  test(`${device}: steps that are submitted before the previous results are read have the same results`, async () => {
    const [oneByOne, training] = [await scaled(), await scaled()];
    if (training.submit) {
      const submitted = [];
      for (let step = 1; step <= 4; step++) {
        const inputs = step === 2 ? overflowing(step) : inputsOf(step);
        submitted.push((await training.submit(inputs, settingsOf(step))).outcome);
      }
      const want = [];
      for (let step = 1; step <= 4; step++)
        want.push(await stepOf(oneByOne, step === 2 ? overflowing(step) : inputsOf(step), step));
      assert.equal(await Promise.all(submitted), want);
      assertSameStates(await statesOf(training), await statesOf(oneByOne));
    }
    oneByOne.dispose();
    training.dispose();
  });

  test(`${device}: the scale changes as torch.amp.GradScaler's does`, async () => {
    const update = await lossScaleProgram(executor, { growth: 2, backoff: 0.5, interval: 3 });
    update.write({ scale: 65_536, goodSteps: 0, skipped: 0 });
    let step = 0;
    let before = 65_536;
    for (const [overflows, scale, goodSteps] of TORCH_SEQUENCE) {
      const report = await update.run(++step, overflows);
      const skipped = TORCH_SEQUENCE.slice(0, step).filter(([bad]) => bad).length;
      assert.equal(report.state, { scale, goodSteps, skipped });
      assert.is(report.gradientScale, before);
      before = scale;
    }
    update.dispose();
  });

  test(`${device}: a hundred random steps equal the scalar reference, with the corrections for the applied steps`, async () => {
    const update = await lossScaleProgram(executor, { growth: 2, backoff: 0.5, interval: 3 });
    const random = new Random(17);
    let state: LossScale = { scale: 1024, goodSteps: 2, skipped: 5 };
    update.write(state);
    for (let step = 6; step <= 105; step++) {
      const overflows = random.between(0, 3) === 0;
      const { unscaled, ...report } = await update.run(step, overflows);
      const done = step - state.skipped;
      const wanted = [1 - STEP.beta1 ** done, 1 - STEP.beta2 ** done, 1 / state.scale];
      assertClose(
        unscaled.subarray(5, 8),
        wanted,
        wanted.map((value) => 1e-6 * value),
        `step ${step}`,
      );
      state = referenceLossScale(state, !overflows, 3);
      assert.equal(report.state, state, `step ${step}`);
    }
    update.dispose();
  });
}

/** A program of this operation alone. */
async function lossScaleProgram(executor: Executor, rule: LossScaleRule) {
  const graph = new GraphBuilder("loss scale");
  const settings = graph.input("settings", [12], "float64");
  const norm = sumOfSquares(graph, graph.input("x", [3]), "norm");
  const { unscaled, report } = updateLossScale(graph, storedLossScale(graph), { settings, norm }, rule);
  graph.output("unscaled", unscaled);
  graph.output("report", report);
  const store = executor.createStore(LOSS_SCALE_LAYOUT);
  const program = planProgram(graph, executor.capabilities);
  const executable = await executor.compile(program, new Map([[LOSS_SCALE, store]]));
  return {
    write: (state: LossScale) => writeLossScale(store, state),
    run: async (step: number, overflows: boolean) => {
      const x = Float32Array.of(1, overflows ? Number.POSITIVE_INFINITY : 2, 3);
      const outputs = await executable.run({ x, settings: adamWSettings({ ...STEP, step }) });
      const { gradientScale, lossScale } = readReport(outputs.report as Float32Array);
      return { gradientScale, state: lossScale, unscaled: outputs.unscaled as Float64Array };
    },
    dispose: () => {
      executable.dispose();
      store.dispose();
    },
  };
}
