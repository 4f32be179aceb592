// Schedule: the rates that main.py actually trains with, those of a run measured in steps, and the average's decay.

import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { rateNoise } from "../../trainer/core/rate-noise.js";
import { RECIPES } from "../../trainer/core/recipes.js";
import {
  averageDecay,
  averageWindow,
  createSchedule,
  describeDecay,
  rateAt,
  rateOfEpoch,
  scaledRate,
  scheduleWarnings,
  trainedEpochs,
  trainedSteps,
} from "../../trainer/core/schedule.js";
import { checkSettings, DEIT_SETTINGS, type TrainerSettings } from "../../trainer/core/settings.js";
import type { ParityContext, ParityOutcome } from "../parity/case.js";
import { scheduleCases } from "../parity/schedule-cases.js";
import { drawMath } from "./tiny-model.js";

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
  const { sched, length, lr, warmup, warmupLr, minLr } = curve;
  assert.equal([sched, length, lr, warmup, warmupLr, minLr], ["cosine", 300, 1e-3, 5, 1e-6, 1e-5]);
  assert.is(rateOfEpoch(curve, 0), 1e-6);
  assert.is(rateOfEpoch(curve, 1), 1e-6);
  for (const epoch of [2, 6, 150, 299]) assert.is(rateOfEpoch(curve, epoch), rateAt(curve, epoch - 1));
  assert.is(rateAt(curve, 300), 1e-5);
  assert.is(rateAt(curve, 1000), 1e-5);
});

test("the rate scales with the batch linearly, by its root, or not at all", () => {
  assert.is(scaledRate(5e-4, 1024, "linear"), 1e-3);
  assert.ok(Math.abs(scaledRate(5e-4, 128, "sqrt") - 2.5e-4) < 1e-18);
  assert.is(scaledRate(5e-4, 1024, "none"), 5e-4);
});

test("forty steps of fine-tuning are not spent in the warm-up of a 300-epoch run", () => {
  const settings = { ...RECIPES.finetune.settings, epochs: null, steps: 40, batchSize: 16 };
  const curve = createSchedule(settings, 12);
  assert.is(curve.length, 4);
  assert.is(curve.warmup, 0);
  const rates = [0, 1, 2, 3].map((epoch) => rateOfEpoch(curve, epoch));
  assert.is(rates[0], 5e-4 * Math.sqrt(16 / 512));
  assert.is(rates[1], rates[0]);
  assert.ok(rates[3] > 0.5 * rates[0] && rates[3] < rates[2]);
});

test("a recipe's schedule is the same for a length in epochs and in steps", () => {
  for (const { settings } of Object.values(RECIPES))
    assert.equal(
      createSchedule({ ...settings, epochs: null, steps: 700 }, 100),
      createSchedule({ ...settings, epochs: 7, steps: null }, 100),
    );
});

test("a long fine-tuning warms up over 1/60 of it; the flag overrides", () => {
  const settings = { ...RECIPES.finetune.settings, epochs: 300 };
  assert.is(createSchedule(settings, 100).warmup, 5);
  assert.is(createSchedule({ ...settings, warmupEpochs: 2.5 }, 100).warmup, 2.5);
});

test("constant stays at the peak; step is timm's StepLRScheduler, decays counted from epoch 0", () => {
  const base = { ...DEIT_SETTINGS, batchSize: 512, epochs: 90, decayEpochs: 30, decayRate: 0.1 };
  const constant = createSchedule({ ...base, sched: "constant" }, 10);
  assert.equal(
    [4, 5, 89].map((t) => rateAt(constant, t)),
    [rateAt(constant, 4), 5e-4, 5e-4],
  );
  const step = createSchedule({ ...base, sched: "step" }, 10);
  const close = (t: number, wanted: number) =>
    assert.ok(Math.abs(rateAt(step, t) - wanted) < 1e-12 * wanted, `${t}: ${rateAt(step, t)}`);
  close(0, 1e-6);
  for (const t of [5, 29]) close(t, 5e-4);
  for (const t of [30, 59]) close(t, 5e-5);
  close(89, 5e-6);
});

test("a warm-up as long as the run and a peak below the end are said; a run as it should be says nothing", () => {
  const warnings = (changes: Partial<TrainerSettings>) =>
    scheduleWarnings(createSchedule({ ...DEIT_SETTINGS, ...changes }, 100));
  assert.equal(warnings({}), []);
  assert.equal(warnings({ ...RECIPES.finetune.settings }), []);
  assert.equal(warnings({ ...RECIPES.finetune384.settings }), []);
  const short = warnings({ epochs: 3, batchSize: 4 });
  assert.match(
    short[0],
    /warm-up takes 5 epochs, the run 3 epochs: .*ends at .*3\.91e-6; give --warmup-epochs 0/,
  );
  assert.match(short[1], /peak rate 3\.91e-6 is below the final one, --min-lr 1\.00e-5/);
  assert.match(warnings({ epochs: null, steps: 500 })[0], /the run 5 epochs/);
  // The rate is one epoch late: after a warm-up of 5 epochs, epoch 7 is the first at the peak.
  assert.is(warnings({ epochs: 6, batchSize: 512 }).length, 1);
  assert.equal(warnings({ epochs: 7, batchSize: 512 }), []);
});

test("the average's decay warms up as timm's, where asked", () => {
  assert.is(averageDecay(0.99996, true, 1), 2 / 11);
  assert.is(averageDecay(0.9, true, 90), 0.9);
  assert.is(averageDecay(0.99996, false, 1), 0.99996);
  assert.is(averageWindow(0.99996), 25_000);
});

test("noise multiplies the rates of its range alone, within its bound, the same for the same seed", async () => {
  const settings = {
    ...DEIT_SETTINGS,
    ...{ epochs: 200, warmupEpochs: 0, lrNoise: [0.25, 0.75] as [number, number], lrNoisePct: 0.5 },
  };
  const math = await drawMath();
  const plain = createSchedule(settings, 10);
  const noisy = (changes: Partial<TrainerSettings> = {}) => {
    const noise = rateNoise({ ...settings, ...changes }, plain.length, math);
    return Array.from({ length: 200 }, (_, epoch) => rateOfEpoch({ ...plain, noise }, epoch));
  };
  const rates = noisy();
  assert.equal(rates, noisy());
  assert.not.equal(rates, noisy({ seed: 1 }));
  // timm: noise_range[0] <= t < noise_range[1], and epoch e has the scheduler's value at t = e - 1.
  const changes = rates.map((rate, epoch) => rate / rateOfEpoch(plain, epoch) - 1);
  for (const [epoch, change] of changes.entries())
    if (epoch <= 50 || epoch > 150) assert.is(change, 0, `epoch ${epoch}`);
    else assert.ok(change !== 0 && Math.abs(change) < 0.5, `epoch ${epoch}: ${change}`);
  // A standard normal variable cut at ±0.5 has a standard deviation of 0.284, nearly a uniform one's.
  const inside = changes.slice(51, 151);
  const deviation = Math.sqrt(inside.reduce((sum, change) => sum + change ** 2, 0) / inside.length);
  assert.ok(Math.abs(deviation - 0.284) < 0.04, `${deviation}`);
  const narrow = noisy({ lrNoiseStd: 0.01 }).map((rate, epoch) => rate / rateOfEpoch(plain, epoch) - 1);
  assert.ok(narrow.every((change) => Math.abs(change) < 0.06) && narrow[100] !== 0);
  const noise = rateNoise(settings, plain.length, math);
  assert.match(describeDecay({ ...plain, noise }), /up to 50% more or less from epoch 52 to 151$/);
  const start = rateNoise({ ...settings, lrNoise: [0, 1] }, plain.length, math);
  assert.is(rateOfEpoch({ ...plain, noise: start }, 0), rateOfEpoch(plain, 0), "no scheduler was called yet");
  assert.is.not(rateOfEpoch({ ...plain, noise: start }, 1), rateOfEpoch(plain, 1));
});

test("a cool-down adds epochs at the final rate", () => {
  const settings = { ...DEIT_SETTINGS, epochs: 10, cooldownEpochs: 3, warmupEpochs: 0, batchSize: 512 };
  const curve = createSchedule(settings, 7);
  assert.is(curve.length, 10);
  assert.equal([trainedEpochs(settings), trainedSteps(settings, 7)], [13, 91]);
  // Of epoch e the curve's rate at e - 1.
  assert.ok(rateOfEpoch(curve, 10) > settings.minLr);
  assert.equal([rateOfEpoch(curve, 11), rateOfEpoch(curve, 12)], [settings.minLr, settings.minLr]);
  const refusal = (changes: Partial<TrainerSettings>) => {
    try {
      checkSettings({ ...settings, model: "m", ...changes });
    } catch (error) {
      return (error as Error).message;
    }
    return "none";
  };
  assert.is(refusal({}), "none");
  assert.match(refusal({ epochs: null, steps: 70 }), /--cooldown-epochs/);
  assert.match(refusal({ sched: "step" }), /--cooldown-epochs/);
  for (const lrNoise of [
    [0.5, 0.5],
    [0.9, 0.4],
    [-0.1, 1],
    [0, 2],
  ] as [number, number][])
    assert.match(refusal({ lrNoise }), /--lr-noise/);
});

test.run();
