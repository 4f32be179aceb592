// Pipelined loop: on a device that computes asynchronously, a run writes the same files and stops in the same ways.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { DrawMath } from "../../runtime/draw/random.js";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import { loadState } from "../../trainer/checkpoint/load.js";
import { train } from "../../trainer/core/loop.js";
import { DeviceTraining } from "./device-training.js";
import { checkpointFiles } from "./fake-checkpoints.js";
import { FakeSource, fakeRun, fakeSettings } from "./fake-run.js";
import { drawMath } from "./tiny-model.js";
import { readMetrics } from "./trainer-process.js";

const test = suite<{ folders: [string, string]; math: DrawMath }>("pipelined loop");

test.before(async (context) => {
  context.math = await drawMath();
});

test.before.each((context) => {
  const folder = () => mkdtempSync(join(tmpdir(), "vitrine-loop-"));
  context.folders = [folder(), folder()];
});

test.after.each(({ folders }) => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

async function failure(work: Promise<unknown>): Promise<VitrineError> {
  const outcome = await work.then(
    () => "it did not fail",
    (error: unknown) => error,
  );
  if (isVitrineError(outcome)) return outcome;
  throw outcome;
}

const curve = (folder: string) =>
  readMetrics(folder).map(({ step, epoch, batch, loss, gradient_norm }) => [
    step,
    epoch,
    batch,
    loss,
    gradient_norm,
  ]);

for (const [what, lengths] of [
  ["epochs", { epochs: 3 }],
  ["steps", { epochs: null, steps: 7 }],
] as const) {
  test(`a run of ${what} ends with the files and metrics of a run that waits for every step`, async ({
    folders,
    math,
  }) => {
    const settings = fakeSettings(lengths);
    await train(fakeRun(folders[0], math, { settings, checkpointEvery: 4 }));
    const training = new DeviceTraining();
    await train(fakeRun(folders[1], math, { settings, checkpointEvery: 4, training }));
    assert.ok(training.overlapped > 0);
    assert.equal(
      training.steps.map(({ step }) => step),
      Array.from({ length: training.steps.length }, (_, i) => i + 1),
    );
    assert.equal(checkpointFiles(folders[1]), checkpointFiles(folders[0]));
    assert.equal(curve(folders[1]), curve(folders[0]));
  });
}

test("a source that fails while a step is in flight leaves a checkpoint with that step", async ({
  folders: [folder, other],
  math,
}) => {
  const failing = () =>
    new FakeSource(({ epoch, batch }) => {
      if (epoch === 1 && batch === 3) throw new VitrineError("network/data-server-gone", "it went away");
    });
  const changes = { checkpointEvery: 100 };
  const late = fakeRun(folder, math, { ...changes, source: failing(), training: new DeviceTraining() });
  assert.match((await failure(train(late))).message, /^it went away \(.*last holds step 8; continue/);
  await failure(train(fakeRun(other, math, { ...changes, source: failing() })));
  assert.equal(checkpointFiles(folder), checkpointFiles(other));
});

test("a loss that is not finite is reported one step later, with its own batch, and is never saved", async ({
  folders: [folder],
  math,
}) => {
  const training = new DeviceTraining();
  training.corruptAt.loss = 8;
  const error = await failure(train(fakeRun(folder, math, { training, checkpointEvery: 6 })));
  assert.is(error.code, "training/not-finite");
  assert.match(error.message, /loss is NaN at batch 2 of epoch 1.*starts from the weights of step 6/);
  assert.is((await loadState(folder)).step, 6);
});

test("an interruption finishes the step in flight", async ({ folders: [folder], math }) => {
  const controller = new AbortController();
  const source = new FakeSource(async ({ epoch, batch }) => {
    if (epoch === 1 && batch === 2) controller.abort();
  });
  const training = new DeviceTraining();
  const run = fakeRun(folder, math, {
    training,
    source,
    checkpointEvery: 100,
    interruption: controller.signal,
  });
  assert.is((await failure(train(run))).code, "training/interrupted");
  const { step } = await loadState(folder);
  assert.is(step, training.steps.length, "every step that was started is in the checkpoint");
  assert.is(readMetrics(folder).length, step);
});

test.run();
