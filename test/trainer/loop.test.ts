// Loop: the batches a run consumes, when it saves, and that a crash at any file operation costs nothing but time.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { DrawMath } from "../../runtime/draw/random.js";
import type { DurableFiles } from "../../trainer/checkpoint/commit-folder.js";
import { hasCheckpoint, loadState } from "../../trainer/checkpoint/load.js";
import { takeBest } from "../../trainer/core/best-epoch.js";
import { train } from "../../trainer/core/loop.js";
import { checkpointFiles, resumed } from "./fake-checkpoints.js";
import { FakeSource, fakeRun, fakeSettings, QUICK_DISK } from "./fake-run.js";
import { drawMath } from "./tiny-model.js";
import { readMetrics } from "./trainer-process.js";

const test = suite<{ folder: string; math: DrawMath }>("loop");

test.before(async (context) => {
  context.math = await drawMath();
});

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-loop-"));
});

test.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }));

/** Rows of metrics.csv without the columns that depend on the clock. */
const timeless = (folder: string) =>
  readMetrics(folder).map(({ images_per_second, data_wait, ...row }) => row);

test("every batch of every epoch is consumed once, in order, at the epoch's rate", async ({
  folder,
  math,
}) => {
  const asked: string[] = [];
  const source = new FakeSource(({ epoch, batch }) => void asked.push(`${epoch}.${batch}`));
  const run = fakeRun(folder, math, { source });
  await train(run);
  assert.equal(
    run.training.steps.map(({ step }) => step),
    Array.from({ length: 15 }, (_, i) => i + 1),
  );
  assert.equal(
    asked,
    Array.from({ length: 15 }, (_, i) => `${Math.floor(i / 5)}.${i % 5}`),
  );
  const rates = run.training.steps.map(({ learningRate }) => learningRate);
  assert.is(new Set(rates.slice(0, 10)).size, 1, "epochs 0 and 1 have the same rate");
  assert.is.not(rates[10], rates[9]);
  assert.ok(run.state.finished);
});

test("a cool-down trains its epochs after the others, at the final rate", async ({ folder, math }) => {
  const settings = fakeSettings({ epochs: 3, cooldownEpochs: 2, warmupEpochs: 0 });
  const run = fakeRun(folder, math, { settings });
  await train(run);
  const rates = run.training.steps.map(({ learningRate }) => learningRate);
  assert.is(rates.length, 25);
  assert.equal([rates[20], rates[24]], [settings.minLr, settings.minLr]);
  assert.ok(rates[14] > settings.minLr);
  const { cursor, finished } = await loadState(folder);
  assert.equal([cursor, finished], [{ epoch: 5, batch: 0 }, true]);
});

test("a run measured in steps ends after exactly that many, even mid-epoch", async ({ folder, math }) => {
  const run = fakeRun(folder, math, { settings: fakeSettings({ epochs: null, steps: 7 }) });
  await train(run);
  assert.is(run.training.steps.length, 7);
  const { cursor, finished, validation } = await loadState(folder);
  assert.equal(cursor, { epoch: 1, batch: 2 });
  assert.ok(finished && validation !== null, "its end is validated like that of an epoch");
  await train(run);
  assert.is(run.training.steps.length, 7, "a finished run makes no more steps");
});

test("metrics.csv has a row per step, with scores only at the ends of epochs", async ({ folder, math }) => {
  await train(fakeRun(folder, math));
  const rows = readMetrics(folder);
  assert.equal(
    rows.map(({ step }) => Number(step)),
    Array.from({ length: 15 }, (_, i) => i + 1),
  );
  const scored = rows.filter(
    ({ validation_loss, ema_validation_loss }) => validation_loss && ema_validation_loss,
  );
  assert.equal(
    scored.map(({ step }) => step),
    ["5", "10", "15"],
  );
  assert.is.not(rows[4]?.validation_loss, rows[4]?.ema_validation_loss);
  const [third] = rows.slice(2);
  const mean = rows.slice(0, 3).reduce((sum, { loss }) => sum + Number(loss), 0) / 3;
  assert.ok(Math.abs(Number(third?.running_loss) - mean) < 1e-12);
});

test("a crash before or in the middle of any file operation resumes to the same files", async ({
  folder,
  math,
}) => {
  const undisturbed = mkdtempSync(join(tmpdir(), "vitrine-loop-"));
  await train(fakeRun(undisturbed, math));
  const expected = checkpointFiles(undisturbed);
  const curve = timeless(undisturbed);
  rmSync(undisturbed, { recursive: true, force: true });
  let crashes = 0;
  // Every eleventh operation: coprime to the number of operations of one checkpoint, so that each is tested.
  for (let last = 3, crashed = true; crashed; last += 11) {
    rmSync(folder, { recursive: true, force: true });
    let count = 0;
    const failing = Object.fromEntries(
      Object.entries(QUICK_DISK).map(([name, operation]) => [
        name,
        (...args: unknown[]) => {
          if (count++ >= last) throw new Error("the process was killed");
          return (operation as (...args: unknown[]) => unknown)(...args);
        },
      ]),
    ) as unknown as DurableFiles;
    const target = { files: failing, folder, configText: "{}\n" };
    crashed = await train(fakeRun(folder, math, { checkpoint: target })).then(
      () => false,
      () => true,
    );
    if (!crashed) break;
    crashes++;
    const again = (await hasCheckpoint(folder)) ? await resumed(folder, math) : fakeRun(folder, math);
    await train(again);
    assert.equal(checkpointFiles(folder), expected, `after operation ${last}`);
    assert.equal(timeless(folder), curve);
    const left = readdirSync(folder).filter((name) => !name.startsWith("events.out.tfevents."));
    assert.equal(left.sort(), ["best", "config.yaml", "last", "metrics.csv", "top"]);
  }
  assert.ok(crashes > 12, `${crashes} crashes`);
});

test("RUN/best is the epoch with the best top-1 of the raw weights, not the last one", async ({
  folder,
  math,
}) => {
  const bytesOf = (name: string) => readFileSync(join(folder, name, "model.safetensors"), "hex");
  const run = fakeRun(folder, math);
  const labels = Int32Array.of(0, 0, 0, 0);
  let pass = 0;
  // The sanity run counts as pass 0: epochs 1, 2 and 3 see 1, 3 and 2 of 4 images right.
  const right = [0, 1, 3, 2];
  run.training.evaluate = async (_pixels, count) => {
    const good = right[pass];
    const logits = Float32Array.from({ length: count * 3 }, (_, i) =>
      i % 3 === (Math.floor(i / 3) < good ? 0 : 1) ? 1 : 0,
    );
    return { classLogits: logits, logits };
  };
  run.state.settings = { ...run.state.settings, ema: false };
  const source = {
    description: run.source.description,
    async *batches() {
      yield { count: 4, pixels: new Uint8Array(1), labels, names: [] };
      pass++;
    },
    close: async () => {},
  };
  run.validation = { source, classMap: Int32Array.of(0, 1, 2) };
  await train(run);
  const { best, step } = await loadState(folder);
  assert.equal([step, best?.step, best?.epoch, best?.top1], [15, 10, 1, 75]);
  assert.is.not(bytesOf("best"), bytesOf("last"));
  assert.equal(readdirSync(join(folder, "best")), ["config.json", "model.safetensors"]);
});

test("without validation RUN/best is the epoch with the lowest mean loss of its own steps", async ({
  folder,
  math,
}) => {
  const run = fakeRun(folder, math, { validation: null });
  // Means of the epochs: 3, 1, 1.5. The mean since the start, 3, 2, 1.83, would call the last epoch the best.
  const means = [3, 1, 1.5];
  run.training.accumulate = async () => ({ loss: means[Math.floor(run.training.steps.length / 5)] });
  await train(run);
  assert.equal(run.state.best, { epoch: 1, step: 10, top1: null, loss: 1 });
  assert.is((await loadState(folder)).best?.epoch, 1);
});

test("at equal top-1 the epoch with the lower loss is the best, and at equal loss the earlier one", ({
  math,
  folder,
}) => {
  const { state } = fakeRun(folder, math);
  const scores = (top1: number, loss: number) => ({
    images: 4,
    weights: { top1, top5: 100, loss },
    ema: null,
  });
  const epochs: [top1: number, loss: number, isBest: boolean][] = [
    [50, 2, true],
    [50, 2.5, false],
    [50, 2, false],
    [50, 1.5, true],
    [25, 1, false],
    [75, 3, true],
  ];
  for (const [epoch, [top1, loss, isBest]] of epochs.entries())
    assert.is(takeBest(state, epoch, scores(top1, loss)).isBest, isBest, `epoch ${epoch}`);
  assert.equal(state.best, { epoch: 5, step: 0, top1: 75, loss: 3 });
});

test("by --eval-metric loss the lower loss is the best, whatever its top-1", ({ math, folder }) => {
  const { state } = fakeRun(folder, math, { settings: fakeSettings({ evalMetric: "loss" }) });
  const isBest = (epoch: number, top1: number, loss: number) =>
    takeBest(state, epoch, { images: 4, weights: { top1, top5: 100, loss }, ema: null }).isBest;
  assert.equal([isBest(0, 50, 2), isBest(1, 75, 2.5), isBest(2, 25, 1)], [true, false, true]);
  assert.is(state.sinceBest, 0);
});

test("--val-interval validates every so many epochs and the last, --log-interval writes every so many rows", async ({
  folder,
  math,
}) => {
  await train(fakeRun(folder, math, { settings: fakeSettings({ valInterval: 2, logInterval: 4 }) }));
  const rows = readMetrics(folder);
  assert.equal(
    rows.map(({ step }) => step),
    ["4", "5", "8", "10", "12", "15"],
  );
  assert.equal(
    rows.filter(({ validation_loss }) => validation_loss).map(({ step }) => step),
    ["10", "15"],
  );
});

test("--patience ends a run whose scores do not improve, finished and saved", async ({ folder, math }) => {
  const settings = fakeSettings({ epochs: 9, patience: 2, ema: false });
  const run = fakeRun(folder, math, { settings });
  // The first epoch's answer stays the best: every later one is the same.
  run.training.evaluate = async (_pixels, count) => {
    const logits = new Float32Array(count * 3);
    return { classLogits: logits, logits };
  };
  await train(run);
  const { step, finished, sinceBest, best } = await loadState(folder);
  assert.equal([step, finished, sinceBest, best?.epoch], [15, true, 2, 0]);
  assert.ok(
    run.progress.lines.some((line) => /^2 validations without a better top1: the run ends/.test(line)),
  );
});

test("a run that gains or loses its validation data does not compare top-1 with a loss", ({
  math,
  folder,
}) => {
  const { state } = fakeRun(folder, math);
  state.epochLoss = { sum: 8, steps: 2 };
  assert.ok(takeBest(state, 0, null).isBest);
  assert.ok(takeBest(state, 1, { images: 4, weights: { top1: 0, top5: 0, loss: 9 }, ema: null }).isBest);
  assert.ok(takeBest(state, 2, null).isBest);
  assert.equal(state.best, { epoch: 2, step: 0, top1: null, loss: 4 });
});

test.run();
