// Ranking: RUN/top holds the models of the best epochs and nothing else, whole under their names at any moment.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { DrawMath } from "../../runtime/draw/random.js";
import type { DurableFiles } from "../../trainer/checkpoint/commit-folder.js";
import { loadState } from "../../trainer/checkpoint/load.js";
import { pruneTop } from "../../trainer/checkpoint/top-models.js";
import { train } from "../../trainer/core/loop.js";
import { type BestScore, withScore } from "../../trainer/core/ranking.js";
import { fakeRun, fakeSettings, QUICK_DISK } from "./fake-run.js";
import { drawMath } from "./tiny-model.js";

const test = suite<{ folder: string; math: DrawMath }>("ranking");

test.before(async (context) => {
  context.math = await drawMath();
});

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-ranking-"));
});

test.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }));

const score = (epoch: number, top1: number | null, loss: number): BestScore => ({
  epoch,
  step: epoch,
  top1,
  loss,
});

/** Epochs of the ranking after all scores. */
function ranked(scores: readonly BestScore[], keep: number, evalMetric: "top1" | "loss" = "top1"): number[] {
  let top: BestScore[] = [];
  for (const one of scores) top = withScore(top, one, { keep, evalMetric });
  return top.map(({ epoch }) => epoch);
}

test("by top-1, then loss, then the earlier epoch; by loss alone where that is asked for or all there is", () => {
  const scores = [score(0, 50, 2), score(1, 70, 3), score(2, 70, 1), score(3, 20, 0.5), score(4, 70, 1)];
  assert.equal(ranked(scores, 3), [2, 4, 1]);
  assert.equal(ranked(scores, 9), [2, 4, 1, 0, 3]);
  assert.equal(ranked(scores, 2, "loss"), [3, 2]);
  const losses = [2, 1, 3].map((loss, epoch) => score(epoch, null, loss));
  assert.equal(ranked(losses, 2), [1, 0]);
  assert.equal(ranked([...losses, score(3, 1, 9)], 2), [3], "scores of another kind cannot be compared");
  assert.equal(
    ranked([...scores, scores[4] as BestScore], 2),
    [2, 4],
    "an epoch that is scored again is there once",
  );
  assert.equal(ranked(scores, 1), [], "RUN/best has the only one");
});

test("a run keeps its best epochs as model folders without optimizer state, and RUN/best is the first", async ({
  folder,
  math,
}) => {
  const run = fakeRun(folder, math, { settings: fakeSettings({ epochs: 6 }), keepBest: 3, validation: null });
  const means = [3, 1, 2, 5, 0.5, 4];
  run.training.accumulate = async () => ({
    loss: means[Math.floor(run.training.steps.length / 5)] as number,
  });
  await train(run);
  const { top, best } = await loadState(folder);
  assert.equal(
    top.map(({ epoch, loss }) => [epoch, loss]),
    [
      [4, 0.5],
      [1, 1],
      [2, 2],
    ],
  );
  assert.equal(best, top[0]);
  assert.equal(readdirSync(join(folder, "top")).sort(), ["epoch-0002", "epoch-0003", "epoch-0005"]);
  for (const name of readdirSync(join(folder, "top")))
    assert.equal(readdirSync(join(folder, "top", name)).sort(), [
      "config.json",
      "ema.safetensors",
      "model.safetensors",
    ]);
});

test("a pruning that is interrupted anywhere leaves no half model under its name, and the next one ends it", async ({
  folder,
}) => {
  const parent = join(folder, "top");
  const whole = ["a", "b"];
  for (let last = 0, crashed = true; crashed; last++) {
    rmSync(parent, { recursive: true, force: true });
    for (const name of ["epoch-0001", "epoch-0002", "epoch-0003", "mine", "epoch-0002.next"]) {
      mkdirSync(join(parent, name), { recursive: true });
      for (const file of whole) writeFileSync(join(parent, name, file), file);
    }
    let count = 0;
    const failing = Object.fromEntries(
      Object.entries(QUICK_DISK).map(([name, operation]) => [
        name,
        async (path: string, ...rest: unknown[]) => {
          // A removal that is interrupted has removed a part.
          if (count++ >= last) {
            if (name === "removeFolder") rmSync(join(path, "a"), { force: true });
            throw new Error("the process was killed");
          }
          return (operation as (...args: unknown[]) => unknown)(path, ...rest);
        },
      ]),
    ) as unknown as DurableFiles;
    crashed = await pruneTop(failing, folder, [score(1, 50, 1)]).then(
      () => false,
      () => true,
    );
    for (const name of readdirSync(parent).filter((entry) => /^epoch-\d+$/.test(entry)))
      assert.equal(readdirSync(join(parent, name)), whole, `${name} after operation ${last}`);
    await pruneTop(QUICK_DISK, folder, [score(1, 50, 1)]);
    assert.equal(readdirSync(parent).sort(), ["epoch-0002", "mine"]);
  }
});

test.run();
