// Regular saves: what a page that dies loses of a run does not depend on how long its steps are.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { saveRegularly } from "../../client/browser/train/regular-saves.js";
import { loadState } from "../../trainer/checkpoint/load.js";
import { train } from "../../trainer/core/loop.js";
import { RunControl } from "../../trainer/core/run-control.js";
import { FakeSource, fakeRun } from "../trainer/fake-run.js";
import { drawMath } from "../trainer/tiny-model.js";

test("a run whose epoch is far from its end is saved after its first slow step", async () => {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-saves-"));
  const control = new RunControl();
  const saved: number[] = [];
  const source = new FakeSource(async ({ epoch, batch }) => {
    if (epoch > 0) return;
    // Longer than the interval.
    await delay(40);
    if (batch === 2) saved.push((await loadState(folder)).step);
  });
  const end = saveRegularly(control, 5);
  try {
    await train(
      fakeRun(folder, await drawMath(), { source, control, checkpointEvery: Number.POSITIVE_INFINITY }),
    );
  } finally {
    end();
    control.end();
    rmSync(folder, { recursive: true });
  }
  assert.equal(saved, [2]);
});

test("a save that waits for a long step is asked for once, and the next one after it", async () => {
  const answers: (() => void)[] = [];
  const control = { save: () => new Promise<number>((resolve) => answers.push(() => resolve(1))) };
  const end = saveRegularly(control, 2);
  while (answers.length < 1) await delay(1);
  await delay(30);
  assert.is(answers.length, 1);
  answers[0]?.();
  while (answers.length < 2) await delay(1);
  end();
  answers[1]?.();
  await delay(20);
  assert.is(answers.length, 2);
});

test.run();
