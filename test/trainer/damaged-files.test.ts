// Damaged files of a run: a state.json with a value of another kind is refused by the field's name, and rows of
// metrics.csv are replaced where they are, whatever text an editor left before them.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import { readState } from "../../trainer/core/state.js";
import type { StepMetrics } from "../../trainer/core/step-metrics.js";
import { openMetrics } from "../../trainer/metrics.js";
import { writeFakeRun } from "../report/fake-history.js";

const folder = mkdtempSync(join(tmpdir(), "vitrine-damaged-"));
writeFakeRun(folder, { labels: ["a", "b", "c", "d"] });
const whole = readFileSync(join(folder, "last", "state.json"), "utf8");

test.after(() => rmSync(folder, { recursive: true }));

/** A path into the state, and what is put there; undefined removes it. */
const DAMAGES: [path: string, value: unknown, named?: string][] = [
  ["settings", null],
  ["settings", []],
  ["settings.recipe", 5],
  ["settings.lr", "abc"],
  ["settings.batchSize", 2.5],
  ["settings.batchSize", undefined],
  ["settings.optBetas", [0.9]],
  ["settings.optBetas", [0.9, "x"], "settings.optBetas[1]"],
  ["settings.recipe.scale", null],
  ["cursor", "x"],
  ["cursor.epoch", -1],
  ["step", "7"],
  ["step", 1e300],
  ["data", null],
  ["classMap", {}],
  ["classMap", [0, "1"], "classMap[1]"],
  ["lossScale", "x"],
  ["teacher", { sha256: 5 }, "teacher.sha256"],
  ["validationPath", 5],
  ["recentLosses", "x"],
  ["epochLoss", null],
  ["best", "x"],
  ["top", 5],
  ["top", [{ epoch: "../../x", step: 1, top1: 1, loss: 1 }], "top[0].epoch"],
  ["owedValidation", {}, "owedValidation.step"],
];

function damaged(path: string, value: unknown): string {
  const state = JSON.parse(whole);
  const keys = path.split(".");
  const last = keys.pop() as string;
  keys.reduce((at, key) => at[key], state)[last] = value;
  return JSON.stringify(state);
}

for (const [path, value, named = path] of DAMAGES)
  test(`state.json with ${path} ${JSON.stringify(value) ?? "missing"} is refused by the field`, () => {
    assert.throws(
      () => readState(damaged(path, value), "state.json"),
      (error: unknown) =>
        isVitrineError(error) &&
        error.code === "checkpoint/state" &&
        error.message.includes(`"${named}" is `),
    );
  });

test("a loss that was not finite is no damage", () => {
  assert.is(readState(damaged("recentLosses", [null, 1]), "state.json").recentLosses[0], null);
});

test("an unknown format is shown without its escape codes", () => {
  assert.throws(
    () => readState('{"format": "\\u001b[31m"}', "state.json"),
    (error: unknown) => error instanceof Error && !error.message.includes("\u001b"),
  );
});

test("the last row of metrics.csv is replaced after rows with characters of several bytes", async () => {
  const path = join(folder, "metrics.csv");
  writeFileSync(path, "step,epoch\n1,é — note\n");
  const metrics = (loss: number): StepMetrics => ({
    ...{ step: 2, epoch: 0, batch: 1, learningRate: 1, loss, runningLoss: 1, targetEntropy: 0 },
    ...{ gradientNorm: 1, imagesPerSecond: 1, dataWait: 0, skipped: 0, validation: null },
  });
  const file = await openMetrics(path, 1, null);
  await file.append(metrics(3));
  await file.complete(metrics(4));
  const lines = readFileSync(path, "utf8").split("\n");
  assert.is(lines.length, 4);
  assert.is(lines[1], "1,é — note");
  assert.match(lines[2], /^2,0,1,1,4,/);
});

test.run();
