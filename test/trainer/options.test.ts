// Options: defaults are main.py's, each flag sets its setting, and a resumed run cannot be turned into another one.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import {
  checkGiven,
  type OptionValue,
  resumedSettings,
  settingsFrom,
  TRAINER_OPTIONS,
} from "../../trainer/options.js";
import { settingLines } from "../../trainer/report.js";
import { checkSettings } from "../../trainer/settings.js";

const given = (...pairs: [string, OptionValue][]): Map<string, OptionValue> => new Map(pairs);

function refusal(work: () => void): string {
  try {
    work();
  } catch (error) {
    if (isVitrineError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "none";
}

test("without flags the settings are main.py's defaults", () => {
  const settings = settingsFrom(given(["--model", "deit_tiny_patch16_224"]));
  const { recipe, ...rest } = settings;
  assert.equal(rest, {
    ...{
      model: "deit_tiny_patch16_224",
      init: null,
      keepHead: false,
      classesBy: "name",
      teacher: null,
      distillation: "none",
      alpha: 0.5,
      tau: 1,
    },
    ...{
      epochs: 300,
      steps: null,
      batchSize: 64,
      lr: 5e-4,
      accumulate: 1,
      recompute: false,
      lrScaling: "linear",
      minLr: 1e-5,
      warmupLr: 1e-6,
    },
    ...{ warmupEpochs: null, weightDecay: 0.05, clipGrad: 0, smoothing: 0.1, dropPath: 0.1 },
    ...{ ema: true, emaDecay: 0.99996, seed: 0 },
  });
  assert.is(recipe.autoAugment, "rand-m9-mstd0.5-inc1");
  assert.is(recipe.colorJitter, 0.3);
  assert.is(recipe.interpolation, "bicubic");
  assert.is(recipe.repeats, 1);
  assert.is(recipe.mixup, 0.8);
  assert.is(recipe.cutmix, 1);
  assert.is(recipe.eraseProbability, 0.25);
  assert.equal(recipe.scale, [0.08, 1]);
});

test("every flag changes its own setting and no other", () => {
  const base = settingsFrom(given());
  for (const { flag, kind, get } of TRAINER_OPTIONS) {
    const values: Record<typeof kind.type, OptionValue> = {
      number: 0.5,
      text: "x",
      path: "/x",
      choice: kind.type === "choice" ? (kind.choices.at(-1) as string) : "",
      pair: [0.25, 0.5],
      switch: kind.type === "switch" ? kind.sets : false,
    };
    const value = values[kind.type];
    if (flag === "--init" || flag === "--steps") continue; // They choose other defaults: next test.
    const changed = settingsFrom(given([flag, value]));
    assert.equal(get(changed), value, flag);
    const others = TRAINER_OPTIONS.filter(
      (other) => JSON.stringify(other.get(base)) !== JSON.stringify(other.get(changed)),
    );
    const same = others.filter((other) => other.get(changed) !== value && other.flag !== flag);
    assert.equal(same, [], `${flag} changed others`);
  }
});

test("--steps scales by the root of the batch, --init drops stochastic depth, both drop smoothing and RandAugment; flags win", () => {
  const short = settingsFrom(given(["--steps", 40], ["--init", "/m"]));
  assert.equal([short.epochs, short.steps, short.lrScaling, short.dropPath], [null, 40, "sqrt", 0]);
  assert.is(short.smoothing, 0);
  assert.equal([short.recipe.autoAugment, short.recipe.colorJitter], [null, 0]);
  assert.is(settingsFrom(given(["--epochs", 40], ["--init", "/m"])).smoothing, 0.1);
  const own = settingsFrom(
    given(["--steps", 40], ["--init", "/m"], ["--unscale-lr", "none"], ["--drop-path", 0.2], ["--aa", "v0"]),
  );
  assert.equal([own.lrScaling, own.dropPath, own.recipe.autoAugment], ["none", 0.2, "v0"]);
  assert.is(settingsFrom(given(["--aa", "none"])).recipe.autoAugment, null);
});

test("an invalid combination is refused with the flags that fix it", () => {
  const model: [string, OptionValue] = ["--model", "deit_tiny_patch16_224"];
  const cases: [Map<string, OptionValue>, RegExp][] = [
    [given(), /--model .*--init/],
    [given(model, ["--epochs", 3], ["--steps", 3]), /--epochs and --steps/],
    [given(model, ["--distillation", "hard"]), /--teacher/],
    [given(model, ["--teacher", "/t"]), /--distillation hard/],
    [given(model, ["--aa", "rand-q3"]), /"rand-q3".*\(--aa\)/],
    [
      given(model, ["--batch-size", 10], ["--accumulate", 4]),
      /--accumulate 4 does not divide --batch-size 10/,
    ],
    [given(model, ["--batch-size", 7]), /--batch-size 7 is odd.*--mixup 0 --cutmix 0/],
  ];
  for (const [flags, expected] of cases)
    assert.match(
      refusal(() => checkSettings(settingsFrom(flags))),
      expected,
    );
  const odd = given(model, ["--batch-size", 7], ["--mixup", 0], ["--cutmix", 0]);
  assert.is(
    refusal(() => checkSettings(settingsFrom(odd))),
    "none",
  );
});

test("a resumed run takes the same flag again and refuses another value, naming both", () => {
  const settings = settingsFrom(given(["--batch-size", 32], ["--scale", [0.5, 1]], ["--no-ema", false]));
  assert.is(
    refusal(() => checkGiven(given(["--batch-size", 32], ["--scale", [0.5, 1]]), settings)),
    "none",
  );
  assert.is(
    refusal(() => checkGiven(given(["--no-ema", false]), settings)),
    "none",
  );
  assert.match(
    refusal(() => checkGiven(given(["--batch-size", 16]), settings)),
    /usage\/resume: --batch-size is 16.*32/,
  );
  assert.match(
    refusal(() => checkGiven(given(["--unscale-lr", "none"]), settings)),
    /--unscale-lr/,
  );
});

test("a resumed run may turn recomputation on, which changes no bit, and nothing else", () => {
  const original = settingsFrom(given(["--batch-size", 32]));
  const flags = given(["--recompute", true], ["--batch-size", 32]);
  assert.is(
    refusal(() => checkGiven(flags, original)),
    "none",
  );
  assert.equal(resumedSettings(original, flags), { ...original, recompute: true });
  assert.equal(resumedSettings(original, given(["--batch-size", 16])), original);
  assert.match(
    refusal(() => checkGiven(given(["--accumulate", 2]), original)),
    /--accumulate is 2.*started with 1/,
  );
});

test("the printed configuration is the command line of this run", () => {
  const settings = settingsFrom(
    given(["--steps", 12], ["--init", "/m"], ["--no-ema", false], ["--scale", [0.3, 1]]),
  );
  const words = settingLines(settings).join(" ").trim().split(/\s+/);
  assert.ok(words.includes("--no-ema"));
  assert.not(words.includes("--epochs"));
  for (const [flag, value] of [
    ["--steps", "12"],
    ["--lr-scaling", "sqrt"],
    ["--scale", "0.3,1"],
    ["--smoothing", "0"],
  ])
    assert.is(words[words.indexOf(flag as string) + 1], value);
});

test("settings that differ from DeiT's defaults are printed first, in lines of at most 80 columns", () => {
  const settings = settingsFrom(given(["--steps", 12], ["--mixup", 0], ["--init", `/${"m".repeat(60)}`]));
  const lines = settingLines(settings);
  assert.equal(
    lines.filter((line) => line.length > 80),
    [],
  );
  const rest = lines.indexOf("DeiT's defaults");
  const different = lines.slice(0, rest).join(" ");
  for (const flag of [
    "--steps 12",
    "--mixup 0",
    "--init /m",
    "--lr-scaling sqrt",
    "--smoothing 0",
    "--aa none",
  ])
    assert.ok(different.includes(flag), flag);
  const equal = lines.slice(rest).join(" ");
  for (const flag of ["--batch-size 64", "--cutmix 1", "--lr 0.0005"])
    assert.ok(equal.includes(flag) && !different.includes(flag), flag);
});

test.run();
