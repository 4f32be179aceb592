// Options: defaults are main.py's, each flag sets its setting, and a resumed run cannot be turned into another one.

import { Command, type Option } from "commander";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { configureTrain } from "../../bin/commands/train.js";
import { isVitrineError } from "../../runtime/errors.js";
import type { OptionValue } from "../../trainer/core/option-kinds.js";
import { checkGiven, resumedSettings, settingsFrom, TRAINER_OPTIONS } from "../../trainer/core/options.js";
import { RECIPES } from "../../trainer/core/recipes.js";
import { checkSettings } from "../../trainer/core/settings.js";
import { recipeWarning, settingLines } from "../../trainer/report.js";

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

/** What deit's main.py sets, by the names of its own flags. */
const MAIN_PY: Readonly<Record<string, OptionValue>> = {
  "--batch-size": 64,
  "--epochs": 300,
  "--drop-path": 0.1,
  "--model-ema": true,
  "--model-ema-decay": 0.99996,
  "--weight-decay": 0.05,
  "--opt": "adamw",
  "--momentum": 0.9,
  "--bce-loss": false,
  "--opt-eps": 1e-8,
  "--opt-betas": [0.9, 0.999],
  "--attn-only": false,
  "--sched": "cosine",
  "--lr": 5e-4,
  "--warmup-lr": 1e-6,
  "--min-lr": 1e-5,
  "--warmup-epochs": 5,
  "--decay-epochs": 30,
  "--decay-rate": 0.1,
  "--lr-noise-pct": 0.67,
  "--lr-noise-std": 1,
  "--clip-grad": 0,
  "--color-jitter": 0.3,
  "--aa": "rand-m9-mstd0.5-inc1",
  "--smoothing": 0.1,
  "--train-interpolation": "bicubic",
  "--repeated-aug": 3,
  "--reprob": 0.25,
  "--remode": "pixel",
  "--recount": 1,
  "--mixup": 0.8,
  "--cutmix": 1,
  "--mixup-prob": 1,
  "--mixup-switch-prob": 0.5,
  "--mixup-mode": "batch",
  "--distillation-type": "none",
  "--distillation-alpha": 0.5,
  "--distillation-tau": 1,
  "--seed": 0,
};

/** Not set by default in main.py, or decided by the model: 224 pixels and a crop ratio of 0.875 are the models' own. */
const MAIN_PY_UNSET = "--cutmix-minmax --lr-noise --finetune --teacher-path --input-size --eval-crop-ratio";

const optionOf = (flag: string) =>
  TRAINER_OPTIONS.find((option) => option.flag === flag || option.aliases?.includes(flag));

test("--recipe deit has main.py's flags with its defaults, and is the recipe without --init", () => {
  const settings = settingsFrom(given(["--recipe", "deit"], ["--init", "/m"]));
  for (const [flag, value] of Object.entries(MAIN_PY)) {
    const option = optionOf(flag);
    assert.ok(option, `${flag} is missing`);
    assert.equal(option.get(settings), value, flag);
  }
  for (const flag of MAIN_PY_UNSET.split(" "))
    assert.is(optionOf(flag)?.get({ ...settings, init: null }), null, flag);
  for (const flag of ["--unscale-lr", "--no-train-mode", "--no-repeated-aug", "--no-model-ema"])
    assert.ok(optionOf(flag), flag);
  assert.equal({ ...settings, init: null }, settingsFrom(given()));
});

test("the help of a setting with a default ends with it, and names no other recipe's", () => {
  const command = new Command("train");
  configureTrain(command);
  const { settings } = RECIPES.deit;
  for (const { flag, kind, get } of TRAINER_OPTIONS) {
    const value = get(settings);
    if (kind.type === "switch" || value === null || flag === "--recipe") continue;
    const { description } = command.options.find(({ long }) => long === flag) as Option;
    const shown = /\(default: (.*)\)$/.exec(description)?.[1] ?? "";
    const wanted = Array.isArray(value) ? value : [value];
    const parts = Array.isArray(value) ? shown.split(",") : [shown];
    for (const [i, part] of wanted.entries())
      assert.ok(
        typeof part === "number"
          ? Math.abs(Number(parts[i]) - part) < 1e-3 * part + 1e-12
          : parts[i] === part,
        `${flag}: ${description}, but the default is ${value}`,
      );
  }
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
    // They set several: the recipe's, the length in the other unit, the whole augmentation.
    if (["--init", "--recipe", "--epochs", "--steps", "--no-aug", "--ThreeAugment"].includes(flag)) continue;
    const changed = settingsFrom(given([flag, value]));
    assert.equal(get(changed), value, flag);
    const others = TRAINER_OPTIONS.filter(
      (other) => JSON.stringify(other.get(base)) !== JSON.stringify(other.get(changed)),
    );
    const same = others.filter((other) => other.get(changed) !== value && other.flag !== flag);
    assert.equal(same, [], `${flag} changed others`);
  }
});

test("--init means recipe finetune, the same for --epochs and --steps; flags win over the recipe", () => {
  const long = settingsFrom(given(["--epochs", 40], ["--init", "/m"]));
  const short = settingsFrom(given(["--steps", 40], ["--init", "/m"]));
  assert.equal({ ...short, epochs: 40, steps: null }, long);
  assert.equal([short.epochs, short.steps, short.lrScaling, short.dropPath], [null, 40, "sqrt", 0]);
  assert.equal([short.smoothing, short.ema], [0, false]);
  const { autoAugment, colorJitter, mixup, cutmix } = short.recipe;
  assert.equal([autoAugment, colorJitter, mixup, cutmix], [null, 0, 0, 0]);
  const own = settingsFrom(
    given(["--steps", 40], ["--init", "/m"], ["--unscale-lr", "none"], ["--drop-path", 0.2], ["--aa", "v0"]),
  );
  assert.equal([own.lrScaling, own.dropPath, own.recipe.autoAugment], ["none", 0.2, "v0"]);
  assert.is(settingsFrom(given(["--aa", "none"])).recipe.autoAugment, null);
});

test("without --init, --steps changes the length and nothing else", () => {
  const base = settingsFrom(given());
  assert.equal(settingsFrom(given(["--steps", 40])), { ...base, epochs: null, steps: 40 });
});

test("--recipe finetune384 is the README's of deit", () => {
  const { inputSize, epochs, lr, minLr, weightDecay, dropPath } = settingsFrom(
    given(["--recipe", "finetune384"], ["--init", "/m"]),
  );
  assert.equal([inputSize, epochs, lr, minLr, weightDecay, dropPath], [384, 30, 5e-6, 5e-6, 1e-8, 0]);
});

test("--no-aug leaves the center crop, and the flags beside it add to it", () => {
  const { recipe } = settingsFrom(given(["--hflip", 0.5], ["--no-aug", true]));
  assert.equal(
    [
      recipe.autoAugment,
      recipe.colorJitter,
      recipe.eraseProbability,
      recipe.mixup,
      recipe.cutmix,
      recipe.repeats,
    ],
    [null, 0, 0, 0, 0, 1],
  );
  assert.equal([recipe.scale, recipe.ratio, recipe.flip], [[1, 1], [1, 1], 0.5]);
});

test("a configuration file is below the flags, whichever unit of length each has", () => {
  const file = given(["--steps", 40], ["--recipe", "finetune"], ["--lr", 1], ["--seed", 3]);
  const settings = settingsFrom(given(["--epochs", 2], ["--lr", 2]), file);
  const { recipeName, epochs, steps, lr, seed } = settings;
  assert.equal([recipeName, epochs, steps, lr, seed], ["finetune", 2, null, 2, 3]);
  assert.is(settingsFrom(given(), given(["--init", "/m"])).recipeName, "finetune");
});

test("an invalid combination is refused with the flags that fix it", () => {
  const model: [string, OptionValue] = ["--model", "deit_tiny_patch16_224"];
  const cases: [Map<string, OptionValue>, RegExp][] = [
    [given(), /--model .*--init/],
    [given(model, ["--epochs", 3], ["--steps", 3]), /--epochs and --steps/],
    [given(model, ["--opt-betas", [0.9, 1]]), /--opt-betas 0.9,1: both must be below 1/],
    [given(model, ["--bce-loss", true]), /--bce-loss .*: add --smoothing 0/],
    [given(model, ["--keep-head", true]), /--keep-head .*--init/],
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

test("a run can be made longer in its own unit, not shorter", () => {
  const epochs = settingsFrom(given(["--epochs", 3]));
  assert.equal(resumedSettings(epochs, given(["--epochs", 5])), { ...epochs, epochs: 5 });
  assert.match(
    refusal(() => resumedSettings(epochs, given(["--epochs", 2]))),
    /usage\/resume: --epochs is 2, but the run was started with 3: .*longer, not shorter/,
  );
  assert.match(
    refusal(() => resumedSettings(epochs, given(["--steps", 900]))),
    /usage\/resume: --steps is 900, .*--epochs 3/,
  );
});

test("what differs from the recipe is printed as flags, in lines of at most 80 columns", () => {
  const model = `/${"m".repeat(60)}`;
  const settings = settingsFrom(
    given(["--steps", 12], ["--mixup", 0.3], ["--init", model], ["--ema", true], ["--scale", [0.3, 1]]),
  );
  const lines = settingLines(settings, "runs/a/config.yaml");
  assert.equal(
    lines.filter((line) => line.length > 80),
    [],
  );
  assert.match(lines[0], /^recipe +finetune: a few epochs/);
  const text = lines.join("\n").replace(/\s+/g, " ");
  for (const flag of ["--steps 12", "--mixup 0.3", `--init ${model}`, "--ema", "--scale 0.3,1"])
    assert.ok(text.includes(flag), flag);
  for (const flag of ["--batch-size", "--cutmix", "--lr", "--no-ema", "--epochs"])
    assert.not(text.includes(flag), flag);
  assert.is(lines.at(-1), "settings  all in runs/a/config.yaml");
});

test("what the length of a run decided is not called a change", () => {
  const settings = { ...settingsFrom(given(["--model", "m"])), emaWarmup: true };
  assert.is(settingLines(settings, "c.yaml")[1], "changed   --model m");
  assert.is(settingLines(settingsFrom(given()), "c.yaml")[1], "changed   nothing");
});

test("a recipe for pretrained weights on random ones is warned of, in lines of 80 columns", () => {
  const warned = (...pairs: [string, OptionValue][]) => recipeWarning(settingsFrom(given(...pairs)));
  const lines = warned(["--model", "m"], ["--recipe", "finetune"]);
  assert.match(lines.join(" "), /^warning +recipe finetune .*--init.*--recipe deit$/);
  assert.ok(lines.every((line) => line.length <= 80));
  assert.is(warned(["--model", "m"], ["--recipe", "finetune384"]).length > 0, true);
  assert.equal(warned(["--init", "m"]), []);
  assert.equal(warned(["--model", "m"]), []);
});

test("the help says what --freeze takes", () => {
  const command = new Command();
  configureTrain(command);
  assert.ok(command.options.some(({ flags }) => flags === "--freeze <n|patterns>"));
});

test.run();
