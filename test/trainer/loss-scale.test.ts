// Loss scale in a run: a step that overflows is skipped and reported, the scale is part of the checkpoint, and a run
// that is stopped anywhere and resumed ends with the files of one that was not.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { DrawMath } from "../../runtime/draw/random.js";
import { isVitrineError } from "../../runtime/errors.js";
import type { Executor } from "../../runtime/executors/executor.js";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import { nodeHost } from "../../runtime/host/node.js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { initialWeights } from "../../runtime/models/deit/initialization.js";
import type { LossScale, OptimizerStep, Training } from "../../runtime/training/contract.js";
import { createTraining } from "../../runtime/training/program.js";
import { floatTensors, readSafetensors } from "../../runtime/weights/safetensors.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { lastCheckpoint, loadState } from "../../trainer/checkpoint/load.js";
import { restoreTraining } from "../../trainer/core/checkpoint-files.js";
import { train } from "../../trainer/core/loop.js";
import type { RunState } from "../../trainer/core/state.js";
import { summarize } from "../../trainer/report.js";
import { checkpointFiles } from "./fake-checkpoints.js";
import { type FakeRun, FakeSource, FakeTraining, fakeRun, fakeSettings } from "./fake-run.js";
import { drawMath, tinyConfig } from "./tiny-model.js";
import { readMetrics } from "./trainer-process.js";

interface Context {
  folders: [string, string];
  math: DrawMath;
  executor: Executor;
}

const test = suite<Context>("loss scale in a run");

test.before(async (context) => {
  context.math = await drawMath();
  context.executor = await createWasmExecutor(nodeHost(), { threads: 1 });
});
test.before.each((context) => {
  const folder = () => mkdtempSync(join(tmpdir(), "vitrine-loss-scale-"));
  context.folders = [folder(), folder()];
});
test.after.each(({ folders }) => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
test.after(({ executor }) => executor.dispose());

async function failure(work: Promise<unknown>): Promise<Error> {
  try {
    await work;
  } catch (error) {
    return error as Error;
  }
  throw new Error("it did not fail");
}

/** Skips the steps listed in `overflows`, as a real training does. */
class ScalingTraining extends FakeTraining {
  readonly written: LossScale[] = [];
  /** Optimizer steps as the run counts them. */
  readonly counts: number[] = [];

  readonly #overflows: (step: number) => boolean;
  #lossScale: LossScale;

  constructor(overflows: (step: number) => boolean, lossScale?: LossScale) {
    super();
    this.#overflows = overflows;
    this.#lossScale = lossScale ?? { scale: 65_536, goodSteps: 0, skipped: 0 };
  }

  override async apply(step: OptimizerStep) {
    this.counts.push(step.step);
    const { scale, goodSteps, skipped } = this.#lossScale;
    if (!this.#overflows(step.step)) {
      this.#lossScale = { scale, goodSteps: goodSteps + 1, skipped };
      return { ...(await super.apply(step)), lossScale: this.#lossScale };
    }
    this.#lossScale = { scale: scale / 2, goodSteps: 0, skipped: skipped + 1 };
    return { gradientNorm: Number.POSITIVE_INFINITY, applied: false, lossScale: this.#lossScale };
  }

  writeLossScale(state: LossScale): void {
    this.written.push(state);
    this.#lossScale = state;
  }
}

test("a step that overflows is skipped, reported, and counted in metrics.csv and state.json", async (context) => {
  const [folder] = context.folders;
  const training = new ScalingTraining((step) => step === 4 || step === 9);
  const run = fakeRun(folder, context.math, { training });
  await train(run);
  assert.equal(
    run.progress.lines.filter((line) => line.includes("overflowed")),
    [
      "step 4 skipped: a gradient overflowed; loss scale 32768 from now on (1 of 4 steps skipped)",
      "step 9 skipped: a gradient overflowed; loss scale 16384 from now on (2 of 9 steps skipped)",
    ],
  );
  const rows = readMetrics(folder).map(({ loss_scale, skipped_steps }) => `${loss_scale} ${skipped_steps}`);
  const repeated = (row: string, count: number) => Array<string>(count).fill(row);
  assert.equal(rows, [...repeated("65536 0", 3), ...repeated("32768 1", 5), ...repeated("16384 2", 7)]);
  const { step, lossScale } = await loadState(folder);
  assert.equal([step, lossScale], [15, { scale: 16_384, goodSteps: 6, skipped: 2 }]);
  const { lines, facts } = summarize(run);
  assert.match(lines.join("\n"), /^finished: 15 steps \(2 of them skipped: a gradient overflowed\)/);
  assert.is(facts.skippedSteps, 2);
  const longest = Math.max(...[folder.length + 20, 80]);
  assert.ok(lines.length > 1 && lines.every((line) => line.length <= longest), lines.join("\n"));
});

test("without a scale the files and the summary have none", async ({ folders, math }) => {
  const run = fakeRun(folders[0], math);
  await train(run);
  assert.is((await loadState(folders[0])).lossScale, null);
  const [row] = readMetrics(folders[0]);
  assert.equal([row?.loss_scale, row?.skipped_steps], ["", ""]);
  assert.is(summarize(run).facts.skippedSteps, null);
});

test("a gradient that overflows at the smallest loss scale stops the run", async ({
  folders: [folder],
  math,
}) => {
  const training = new ScalingTraining(() => true, { scale: 2, goodSteps: 0, skipped: 0 });
  const error = await failure(train(fakeRun(folder, math, { training })));
  assert.ok(isVitrineError(error) && error.code === "training/not-finite", error.message);
  assert.match(error.message, /norm is Infinity, without a loss scale left to lower, at batch 1 of epoch 0/);
});

test("a run that continues without a scale keeps the count of applied steps", async ({
  folders: [folder],
  math,
}) => {
  const controller = new AbortController();
  const source = new FakeSource(({ epoch, batch }) => {
    if (epoch === 1 && batch === 2) controller.abort();
  });
  const training = new ScalingTraining((step) => step === 2 || step === 3);
  const stopped = fakeRun(folder, math, { training, source, interruption: controller.signal });
  await failure(train(stopped));
  const state = await loadState(folder);
  assert.equal([state.step, state.lossScale?.skipped], [7, 2]);
  const plain = new FakeTraining();
  await restoreTraining(lastCheckpoint(folder), plain, state);
  await train(fakeRun(folder, math, { settings: state.settings, state, training: plain }));
  assert.equal(
    plain.steps.map(({ step }) => step),
    [6, 7, 8, 9, 10, 11, 12, 13],
  );
  assert.is((await loadState(folder)).lossScale?.skipped, 2);
});

/** Gradients of up to a hundred. */
function steepWeights(config: DeitConfig, math: DrawMath): TensorMap {
  const weights = initialWeights(config, 3, math);
  for (const [name, { data }] of weights)
    if (name.endsWith("weight")) for (let i = 0; i < data.length; i++) data[i] = 4 * data[i];
  return weights;
}

/** A DeiT that is trained with a scale, instead of the fake one. */
async function realRun(
  { executor, math }: Context,
  folder: string,
  changes: Partial<FakeRun> = {},
): Promise<FakeRun> {
  const config = tinyConfig();
  const settings = fakeSettings({ lr: 0.05, clipGrad: 1 });
  const state = changes.state;
  const path = join(folder, "last", "model.safetensors");
  const weights: TensorMap = state
    ? floatTensors(readSafetensors(readFileSync(path), path))
    : steepWeights(config, math);
  const loss = { distillation: "none", alpha: 0.5, tau: 1, dropPath: 0 } as const;
  const options = { config, weights, batchSize: 4, ...loss, ema: true, lossScaling: true };
  const training: Training = await createTraining(executor, options);
  // Large enough that the first steps overflow.
  if (!state) training.writeLossScale?.({ scale: 2 ** 126, goodSteps: 0, skipped: 0 });
  else await restoreTraining(lastCheckpoint(folder), training, state);
  return fakeRun(folder, math, { settings, training: training as FakeTraining, ...changes });
}

test("a run that is stopped among overflows, and again later, ends with the files of one that is not", async (context) => {
  const [undisturbed, stopped] = context.folders;
  const whole = await realRun(context, undisturbed);
  await train(whole);
  const { skipped } = whole.state.lossScale as LossScale;
  assert.ok(skipped > 2 && skipped < 10, `${skipped} steps were skipped`);

  let state: RunState | undefined;
  for (const stop of [2, 8, 16]) {
    const controller = new AbortController();
    const source = new FakeSource(({ epoch, batch }) => {
      if (5 * epoch + batch === stop) controller.abort();
    });
    const run = await realRun(context, stopped, {
      source,
      interruption: controller.signal,
      ...(state && { state }),
    });
    if (stop < 15) await failure(train(run));
    else await train(run);
    run.training.dispose();
    state = await loadState(stopped);
    assert.is(state.step, Math.min(stop, 15));
  }
  assert.equal(checkpointFiles(stopped), checkpointFiles(undisturbed));
  const curve = (folder: string) =>
    readMetrics(folder).map(({ images_per_second, data_wait, ...row }) => row);
  assert.equal(curve(stopped), curve(undisturbed));
  whole.training.dispose();
});

test.run();
