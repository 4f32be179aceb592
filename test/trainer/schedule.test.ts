// Schedule: the rates that main.py actually trains with, and those of a run measured in steps.

import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { cosineAt, createSchedule, rateOfEpoch, scaledRate } from "../../trainer/schedule.js";
import { DEIT_SETTINGS, defaultSettings } from "../../trainer/settings.js";
import type { ParityContext, ParityOutcome } from "../parity/case.js";
import { scheduleCases } from "../parity/schedule-cases.js";

/** Compiled to dist/test/trainer/. */
const MICRO = new URL("../../../test/fixtures/micro/", import.meta.url);

test("curve and epochs equal timm's and main.py's tables", async () => {
  const context = {
    has: () => true,
    json: (file: string) => JSON.parse(readFileSync(new URL(file, MICRO), "utf8")),
  } as unknown as ParityContext;
  const outcomes: ParityOutcome[] = [];
  for await (const outcome of scheduleCases(context)) outcomes.push(outcome);
  assert.is(outcomes.length, 8);
  for (const { name, ok, maxAbsError } of outcomes) assert.ok(ok, `${name}: off by ${maxAbsError}`);
});

test("epochs 0 and 1 both use the curve's first rate, and every later epoch lags by one", () => {
  const curve = createSchedule({ ...DEIT_SETTINGS, batchSize: 1024 }, 100);
  assert.equal(curve, { length: 300, lr: 1e-3, warmup: 5, warmupLr: 1e-6, minLr: 1e-5 });
  assert.is(rateOfEpoch(curve, 0), 1e-6);
  assert.is(rateOfEpoch(curve, 1), 1e-6);
  for (const epoch of [2, 6, 150, 299]) assert.is(rateOfEpoch(curve, epoch), cosineAt(curve, epoch - 1));
  assert.is(cosineAt(curve, 300), 1e-5);
  assert.is(cosineAt(curve, 1000), 1e-5);
});

test("the rate scales with the batch linearly, by its root, or not at all", () => {
  assert.is(scaledRate(5e-4, 1024, "linear"), 1e-3);
  assert.ok(Math.abs(scaledRate(5e-4, 128, "sqrt") - 2.5e-4) < 1e-18);
  assert.is(scaledRate(5e-4, 1024, "none"), 5e-4);
});

test("forty steps of fine-tuning are not spent in the warm-up of a 300-epoch run", () => {
  const settings = { ...defaultSettings({ steps: true, init: true }), steps: 40, batchSize: 16 };
  const curve = createSchedule(settings, 12);
  assert.is(curve.length, 4);
  assert.is(curve.warmup, 0);
  const rates = [0, 1, 2, 3].map((epoch) => rateOfEpoch(curve, epoch));
  assert.is(rates[0], 5e-4 * Math.sqrt(16 / 512));
  assert.is(rates[1], rates[0]);
  assert.ok(rates[3] > 0.5 * rates[0] && rates[3] < rates[2]);
});

test("a long run measured in steps warms up over main.py's fraction of it; the flag overrides", () => {
  const settings = { ...defaultSettings({ steps: true, init: false }), steps: 30_000 };
  assert.is(createSchedule(settings, 100).length, 300);
  assert.is(createSchedule(settings, 100).warmup, 5);
  assert.is(createSchedule({ ...settings, warmupEpochs: 2.5 }, 100).warmup, 2.5);
});

test.run();
