// Loop failures: what is kept and reported after bad numbers, a failed source, a signal, or a failed validation.

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { DrawMath } from "../../runtime/draw/random.js";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import type { DurableFiles } from "../../trainer/checkpoint/commit-folder.js";
import { loadState } from "../../trainer/checkpoint/load.js";
import { train } from "../../trainer/core/loop.js";
import { checkpointFiles, resumed } from "./fake-checkpoints.js";
import { type FakeRun, FakeSource, fakeRun, QUICK_DISK } from "./fake-run.js";
import { drawMath } from "./tiny-model.js";
import { readMetrics } from "./trainer-process.js";

const test = suite<{ folder: string; math: DrawMath }>("loop failures");

test.before(async (context) => {
  context.math = await drawMath();
});

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-loop-"));
});

test.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }));

async function failure(work: Promise<unknown>): Promise<Error> {
  try {
    await work;
  } catch (error) {
    return error as Error;
  }
  throw new Error("it did not fail");
}

test("a loss that is not finite stops the run, names the batch and keeps the last checkpoint", async ({
  folder,
  math,
}) => {
  const run = fakeRun(folder, math);
  run.training.corruptAt.loss = 8;
  const error = await failure(train(run));
  assert.ok(isVitrineError(error) && error.code === "training/not-finite", error.message);
  assert.match(
    error.message,
    /loss is NaN at batch 2 of epoch 1.*--init .*last starts from the weights of step 6/,
  );
  assert.is((await loadState(folder)).step, 6, "the checkpoint before the bad step is kept");
});

test("a gradient that is not finite stops the run too", async ({ folder, math }) => {
  const run = fakeRun(folder, math);
  run.training.corruptAt.gradient = 4;
  assert.match((await failure(train(run))).message, /gradient's norm is Infinity at batch 3 of epoch 0/);
});

test("a source that fails leaves a checkpoint, and its own error says how to continue", async ({
  folder,
  math,
}) => {
  const source = new FakeSource(({ epoch, batch }) => {
    if (epoch === 1 && batch === 4) throw new VitrineError("network/data-server-gone", "it went away");
  });
  const error = await failure(train(fakeRun(folder, math, { source, checkpointEvery: 100 })));
  assert.ok(isVitrineError(error) && error.code === "network/data-server-gone");
  assert.match(error.message, /^it went away \(.*last holds step 9; continue with --resume\)$/);
  assert.equal((await loadState(folder)).cursor, { epoch: 1, batch: 4 });
  const again = await resumed(folder, math);
  await train(again);
  const other = mkdtempSync(join(tmpdir(), "vitrine-loop-"));
  await train(fakeRun(other, math, { checkpointEvery: 100 }));
  assert.equal(checkpointFiles(folder), checkpointFiles(other));
  rmSync(other, { recursive: true, force: true });
});

test("a device lost while a checkpoint is read is not read again, and the error says how to continue", async ({
  folder,
  math,
}) => {
  const run = fakeRun(folder, math, { checkpointEvery: 2 });
  const { training } = run;
  const read = training.read.bind(training);
  let reads = 0;
  training.read = async (state) => {
    // Weights, average and two moments make the first checkpoint.
    if (++reads > 4) throw new VitrineError("device/lost", "the device was lost");
    return read(state);
  };
  const error = await failure(train(run));
  assert.match(error.message, /^the device was lost \(.*last holds step 0; continue with --resume\)$/);
  assert.is(reads, 5);
});

/** Writes of a disk that has room for `room` more of them. */
function filling(room: number): DurableFiles {
  let left = room;
  const write = async (path: string, bytes: Uint8Array): Promise<void> => {
    if (left-- > 0) return QUICK_DISK.write(path, bytes);
    const cause = new Error("ENOSPC: no space left on device, write");
    throw Object.assign(cause, { code: "ENOSPC", syscall: "write", errno: -28 });
  };
  return { ...QUICK_DISK, write };
}

test("a full disk stops the run with the checkpoint before it, and leaves no half of the next one", async ({
  folder,
  math,
}) => {
  const other = mkdtempSync(join(tmpdir(), "vitrine-loop-"));
  await train(fakeRun(other, math));
  // A checkpoint has five files.
  for (const [room, held] of [
    [0, null],
    [3, null],
    [8, 0],
    [13, 2],
  ] as const) {
    rmSync(folder, { recursive: true });
    const checkpoint = { files: filling(room), folder, configText: "{}\n" };
    const error = await failure(train(fakeRun(folder, math, { checkpoint })));
    assert.ok(isVitrineError(error) && error.code === "file/unwritable", error.message);
    const how =
      held === null
        ? ""
        : ` .*last holds step ${held}; free space or repair the disk, then continue with --resume`;
    assert.match(
      error.message,
      new RegExp(`the run cannot be written: no space left on device \\(ENOSPC\\)${how}`),
    );
    assert.not.ok(
      readdirSync(folder).some((name) => name.endsWith(".next")),
      readdirSync(folder).join(" "),
    );
    await train(held === null ? fakeRun(folder, math) : await resumed(folder, math));
    assert.equal(checkpointFiles(folder), checkpointFiles(other));
  }
  rmSync(other, { recursive: true, force: true });
});

test("an interruption ends even a wait for data, with a checkpoint", async ({ folder, math }) => {
  const controller = new AbortController();
  const source = new FakeSource(async ({ batch }) => {
    if (batch !== 3) return;
    setTimeout(() => controller.abort(), 10);
    await new Promise(() => {});
  });
  const error = await failure(train(fakeRun(folder, math, { source, interruption: controller.signal })));
  assert.ok(isVitrineError(error) && error.code === "training/interrupted");
  assert.is((await loadState(folder)).step, 3);
});

test("a line says what is validated, and what is counted", async ({ folder, math }) => {
  const run = fakeRun(folder, math);
  const texts: string[] = [];
  run.progress.status = (text) => void texts.push(text);
  await train(run);
  assert.is(texts[0], "trying the validation before the first step: 0 of 8 images");
  assert.ok(texts.includes("validating: 0 of 21 images"), texts.join("\n"));
});

test("a wrong validation set is detected before anything is written", async ({ folder, math }) => {
  const run = fakeRun(folder, math);
  const source = {
    ...(run.validation?.source as object),
    batches: () => {
      throw new VitrineError("jpeg/corrupt", "x.jpg");
    },
  };
  run.validation = { ...run.validation, source } as unknown as FakeRun["validation"];
  assert.is(((await failure(train(run))) as VitrineError).code, "jpeg/corrupt");
  assert.equal(readdirSync(folder), []);
});

test("a validation that fails costs no step: the resumed run begins with it", async ({ folder, math }) => {
  const run = fakeRun(folder, math);
  const evaluate = run.training.evaluate.bind(run.training);
  let calls = 0;
  // Two batches of the sanity run and three of each epoch's end, raw and averaged: this is in the second epoch's.
  run.training.evaluate = async (...args) => {
    if (++calls === 13) throw new VitrineError("file/not-found", "val/x.jpg");
    return evaluate(...args);
  };
  assert.match(
    (await failure(train(run))).message,
    /val\/x.jpg .*last holds step 10; .*--resume.*validation/,
  );
  const rows = readMetrics(folder);
  assert.is(rows.length, 10);
  assert.is(rows[9]?.validation_loss, "");
  const again = await resumed(folder, math);
  await train(again);
  assert.is(again.training.steps[0]?.step, 11, "no step is repeated");
  const other = mkdtempSync(join(tmpdir(), "vitrine-loop-"));
  await train(fakeRun(other, math));
  assert.equal(checkpointFiles(folder), checkpointFiles(other));
  const curve = (run: string) =>
    readMetrics(run).map(({ step, validation_loss, ema_validation_loss }) => [
      step,
      validation_loss,
      ema_validation_loss,
    ]);
  assert.equal(curve(folder), curve(other));
  rmSync(other, { recursive: true, force: true });
});

test("an interruption ends a validation between two of its batches, and the run owes it, the last one too", async ({
  folder,
  math,
}) => {
  const controller = new AbortController();
  const run = fakeRun(folder, math, { interruption: controller.signal });
  const evaluate = run.training.evaluate.bind(run.training);
  let calls = 0;
  // Raw and averaged: two batches of the sanity run, three of two epochs' ends, and the first of the last epoch's.
  run.training.evaluate = async (...args) => {
    if (++calls === 17) controller.abort();
    return evaluate(...args);
  };
  const error = await failure(train(run));
  assert.ok(isVitrineError(error) && error.code === "training/interrupted");
  assert.match(error.message, /^stopped: .*last holds step 15; continue with --resume, which begins with/);
  assert.is(calls, 18, "the batch in progress is the last one");
  const state = await loadState(folder);
  assert.ok(state.finished && state.owedValidation?.step === 15);
  await train(await resumed(folder, math));
  const other = mkdtempSync(join(tmpdir(), "vitrine-loop-"));
  await train(fakeRun(other, math));
  assert.equal(checkpointFiles(folder), checkpointFiles(other));
  rmSync(other, { recursive: true, force: true });
});

test("an interruption during the first validation writes nothing", async ({ folder, math }) => {
  const controller = new AbortController();
  const run = fakeRun(folder, math, { interruption: controller.signal });
  const evaluate = run.training.evaluate.bind(run.training);
  run.training.evaluate = async (...args) => {
    controller.abort();
    return evaluate(...args);
  };
  assert.is(((await failure(train(run))) as VitrineError).code, "training/interrupted");
  assert.equal(readdirSync(folder), []);
});

test.run();
