// Run control: a run that is paused, saved and looked at ends with the files of one that nobody followed.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { DrawMath } from "../../runtime/draw/random.js";
import { isVitrineError } from "../../runtime/errors.js";
import { loadState } from "../../trainer/checkpoint/load.js";
import { train } from "../../trainer/core/loop.js";
import type { RunObserver } from "../../trainer/core/run.js";
import { type ControlPhase, RunControl } from "../../trainer/core/run-control.js";
import { DeviceTraining } from "./device-training.js";
import { checkpointFiles, resumed } from "./fake-checkpoints.js";
import { FakeSource, fakeRun } from "./fake-run.js";
import { drawMath } from "./tiny-model.js";
import { readMetrics } from "./trainer-process.js";

const test = suite<{ folder: string; undisturbed: string; math: DrawMath }>("run control");

test.before(async (context) => {
  context.math = await drawMath();
  context.undisturbed = mkdtempSync(join(tmpdir(), "vitrine-control-"));
  await train(fakeRun(context.undisturbed, context.math));
});

test.after(({ undisturbed }) => rmSync(undisturbed, { recursive: true, force: true }));

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-control-"));
});

test.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }));

const timeless = (folder: string) =>
  readMetrics(folder).map(({ images_per_second, data_wait, ...row }) => row);

/** Calls `work` before the batch at `place` is made, counted from 0 over all epochs. */
const before = (places: Readonly<Record<number, () => void>>) =>
  new FakeSource(({ epoch, batch }) => places[epoch * 5 + batch]?.());

const silentObserver = (changes: Partial<RunObserver> = {}): RunObserver => ({
  begins: () => {},
  stepped: () => {},
  validated: () => {},
  answered: () => {},
  validationEnds: () => {},
  saved: () => {},
  wantsBatch: () => false,
  shows: () => {},
  ...changes,
});

for (const [device, makeTraining] of [
  ["the CPU", undefined],
  ["a device that pipelines steps", () => new DeviceTraining()],
] as const) {
  test(`on ${device}, a run that is paused, resumed, saved and looked at ends with the same files`, async ({
    folder,
    undisturbed,
    math,
  }) => {
    const phases: ControlPhase[] = [];
    const saved: number[] = [];
    const control = new RunControl((phase) => {
      phases.push(phase);
      if (phase === "paused") setTimeout(() => control.resume(), 20);
    });
    const save = () => void control.save().then((step) => saved.push(step));
    let shown = 0;
    const observer = silentObserver({ wantsBatch: () => true, shows: () => void shown++ });
    const source = before({ 1: () => control.pause(), 6: save, 9: () => control.pause(), 12: save });
    const training = makeTraining?.();
    const run = fakeRun(folder, math, { source, control, observer, ...(training && { training }) });
    await train(run);
    assert.equal(phases, ["pausing", "paused", "running", "pausing", "paused", "running"]);
    assert.is(saved.length, 2);
    assert.is(shown, 15);
    assert.equal(checkpointFiles(folder), checkpointFiles(undisturbed));
    assert.equal(timeless(folder), timeless(undisturbed));
  });
}

test("a paused run has saved its last step, saves again on request, and makes no step", async ({
  folder,
  math,
}) => {
  let paused: () => void = () => {};
  const isPaused = new Promise<void>((resolve) => {
    paused = resolve;
  });
  const control = new RunControl((phase) => phase === "paused" && paused());
  const run = fakeRun(folder, math, { source: before({ 2: () => control.pause() }), control });
  const trained = train(run);
  await isPaused;
  const { step } = await loadState(folder);
  assert.is(step, run.training.steps.length);
  await delay(30);
  assert.is(run.training.steps.length, step);
  assert.is(await control.save(), step);
  control.resume();
  await trained;
  assert.ok(run.state.finished);
});

test("a run that is stopped while it is paused continues later as if it had not been", async ({
  folder,
  undisturbed,
  math,
}) => {
  const stop = new AbortController();
  const control = new RunControl((phase) => phase === "paused" && setTimeout(() => stop.abort(), 10));
  const source = before({ 7: () => control.pause() });
  const reason: unknown = await train(
    fakeRun(folder, math, { source, control, interruption: stop.signal }),
  ).then(
    () => "it did not stop",
    (error) => error,
  );
  assert.ok(isVitrineError(reason) && reason.code === "training/interrupted", String(reason));
  await train(await resumed(folder, math));
  assert.equal(checkpointFiles(folder), checkpointFiles(undisturbed));
});

test("requests to a run that has ended are refused, and those that wait are answered", async () => {
  const control = new RunControl();
  const waiting = control.save();
  control.end();
  for (const work of [() => waiting, () => control.save(), async () => control.pause()])
    await work().then(
      () => assert.unreachable(),
      (error) => assert.is(error.code, "training/interrupted"),
    );
});

test("an observer sees every step, validation and checkpoint of the run", async ({ folder, math }) => {
  const seen: string[] = [];
  let answered = 0;
  const observer = silentObserver({
    stepped: ({ step }) => void seen.push(`step ${step}`),
    validated: (step) => void seen.push(`validated ${step}`),
    validationEnds: () => void seen.push("validation ends"),
    answered: ({ count }) => void (answered += count),
    saved: (kind, step) => void seen.push(`${kind} ${step}`),
  });
  await train(fakeRun(folder, math, { observer }));
  assert.is(seen.filter((line) => line.startsWith("step ")).length, 15);
  assert.equal(
    seen.filter((line) => line.startsWith("validat")),
    [5, 10, 15].flatMap((step) => ["validation ends", `validated ${step}`]),
  );
  assert.is(answered, 3 * 6);
  assert.ok(seen.includes("last 0") && seen.includes("last 2") && seen.includes("best 5"));
});

test.run();
