// Run configuration: config.yaml holds every setting, and a file of settings is read as flags are.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { configureTrain } from "../../bin/commands/train.js";
import { readConfigFile } from "../../bin/config-file.js";
import { isVitrineError } from "../../runtime/errors.js";
import type { OptionValue } from "../../trainer/core/option-kinds.js";
import { settingsFrom, TRAINER_OPTIONS } from "../../trainer/core/options.js";
import { RECIPES } from "../../trainer/core/recipes.js";
import type { TrainerSettings } from "../../trainer/core/settings.js";
import { runConfigText } from "../../trainer/run-config.js";

const folder = mkdtempSync(join(tmpdir(), "vitrine-config-"));
const command = new Command("train");
configureTrain(command);

test.after(() => rmSync(folder, { recursive: true }));

function read(text: string): { flag: string; value: unknown }[] {
  const path = join(folder, "recipe.yaml");
  writeFileSync(path, text);
  return readConfigFile(path, command, ["--out", "--config", "--resume", "--json", "--help"]);
}

/** As the command reads it. */
function settingsOf(text: string): TrainerSettings {
  const configured = new Map<string, OptionValue>();
  for (const { flag, value } of read(text)) {
    const option = TRAINER_OPTIONS.find((each) => each.flag === flag || each.aliases?.includes(flag));
    if (option)
      configured.set(option.flag, option.kind.type === "switch" ? option.kind.sets : (value as string));
  }
  return settingsFrom(new Map(), configured);
}

/** Of the text that a user sees. */
function refusal(text: string): string {
  try {
    read(text);
  } catch (error) {
    if (isVitrineError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "none";
}

/** What a started run has, where the data decided what was left open. */
const started = (settings: TrainerSettings): TrainerSettings => ({
  ...settings,
  init: '/m/it\'s: "odd" #1',
  emaWarmup: true,
});

for (const [name, { settings }] of Object.entries(RECIPES))
  test(`the file of a run with recipe ${name} gives the same settings again`, () => {
    const own = started(settings);
    assert.equal(settingsOf(runConfigText(own, {})), own);
  });

test("settings far from the recipe survive, null, lists and switches included", () => {
  const { recipe } = RECIPES.deit.settings;
  const changed: TrainerSettings = {
    ...started(RECIPES.deit.settings),
    ...{ epochs: null, steps: 7, lr: 1e-7, seed: 2 ** 40, ema: false, emaWarmup: false, recompute: true },
    ...{ keepHead: true, sched: "step", decayRate: 0.25, valInterval: 3, evalMetric: "loss", patience: 2 },
    recipe: { ...recipe, autoAugment: null, cutmixMinmax: [0.2, 0.75], scale: [0.3, 1], repeats: 1 },
  };
  assert.equal(settingsOf(runConfigText(changed, {})), changed);
});

test("the command's own settings are keys as well", () => {
  const text = runConfigText(RECIPES.deit.settings, { "data-server": "unix:/tmp/x", "checkpoint-every": 5 });
  const entries = read(text);
  assert.equal(entries[0], { flag: "--data-server", value: "unix:/tmp/x" });
  assert.equal(entries[1], { flag: "--checkpoint-every", value: 5 });
});

test("main.py's names and underscores are keys; false turns a switch around; null is no value", () => {
  const settings = settingsOf(
    "distillation_type: soft\nmodel-ema: false\nfinetune: m\ncutmix-minmax: [0.1, 0.5]\n",
  );
  assert.equal([settings.distillation, settings.ema, settings.recipeName], ["soft", false, "finetune"]);
  assert.equal(settings.recipe.cutmixMinmax, [0.1, 0.5]);
  assert.equal(read("seed:\nrecompute: false\n"), []);
  assert.equal(read(""), []);
});

const WRONG: readonly [what: string, text: string, RegExp][] = [
  ["an unknown key", "bach-size: 4", /unknown key "bach-size": did you mean "batch-size"\?/],
  ["a key of another kind", "whatever: 4", /unknown key "whatever": keys are flag names/],
  ["a key that only the command line has", "resume: true", /unknown key "resume"/],
  [
    "a choice that does not exist",
    "distillation: firm",
    /"distillation" got "firm"; allowed choices are none/,
  ],
  ["a number out of range", "smoothing: 2", /usage\/number: --smoothing got "2"; allowed: .*at most 1/],
  ["a list where one number belongs", "lr: [1, 2]", /--lr got "1,2"/],
  ["a mapping as a value", "lr: {a: 1}", /usage\/config: .*"lr" got/],
  ["a switch with a number", "recompute: 1", /"recompute" got 1; allowed: true or false/],
  ["a list instead of a mapping", "- lr\n- seed", /expected a mapping/],
  ["a key given twice", "seed: 1\nseed: 2", /"seed" is there twice/],
  ["aliases", "lr: &a 1\nseed: *a", /usage\/config/],
  ["a second document", "lr: 1\n---\nseed: 2", /several documents/],
  ["a tag of another program", "lr: !!js/function 1", /unresolved tag/],
  [
    "lists nested too deeply",
    `lr: ${"[".repeat(20_000)}`,
    /recipe.yaml: lists or mappings are nested too deeply/,
  ],
  ["a value nested deeply", `lr: ${"[".repeat(200)}${"]".repeat(200)}`, /"lr" got \[\[.*…; allowed/],
  ["no YAML", "lr: [1", /usage\/config: .*recipe.yaml: /],
];

for (const [what, text, expected] of WRONG)
  test(`${what} is one line`, () => {
    const got = refusal(text);
    assert.match(got, new RegExp(expected.source, "i"));
    assert.is(got.split("\n").length, 1);
  });

test("a missing file, a folder and a huge file are refused", () => {
  const options = ["--out"];
  const missing = join(folder, "none.yaml");
  assert.throws(() => readConfigFile(missing, command, options), /none.yaml: no such file/);
  assert.throws(() => readConfigFile(folder, command, options), /: a folder; allowed: a regular file/);
  writeFileSync(join(folder, "huge.yaml"), "#".repeat(100_001));
  assert.throws(() => readConfigFile(join(folder, "huge.yaml"), command, options), /100,001 bytes; allowed/);
});

test("a device without an end is refused", () => {
  if (!existsSync("/dev/zero")) return;
  assert.throws(
    () => readConfigFile("/dev/zero", command, []),
    /\/dev\/zero: a device; allowed: a regular file/,
  );
});

test.run();
