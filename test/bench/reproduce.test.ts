// Reproduce: what the tables of the paper's comparisons in small compute from scores, and in which order they train.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ablationPlans, ablationTable, verdictOf } from "../../bench/reproduce/ablation.js";
import {
  distillationClaims,
  distillationPlans,
  distillationTable,
} from "../../bench/reproduce/distillation.js";
import { meanOf, pairedDifference, studentQuantile } from "../../bench/reproduce/statistics.js";
import { requireSamePlan, type Scores } from "../../bench/reproduce/trainings.js";

const MODELS = { teacher: "t.json", plain: "p.json", distilled: "d.json" };
const BUDGET = { student: 1, teacher: 1, early: 1 };

const scoresOf = (top1: readonly number[], classHead: number | null = null): Scores[] =>
  top1.map((value) => ({ top1: value, class: classHead, distillation: classHead }));

test("means have the standard error of the sample, differences are paired by seed", () => {
  assert.equal(meanOf([1, 2, 3]), { mean: 2, error: Math.sqrt(1 / 3) });
  assert.ok(Number.isNaN(meanOf([5]).error));
  // Seeds differ by tens, the two trainings by exactly one: the error of the difference is 0.
  assert.equal(pairedDifference([11, 31, 71], [10, 30, 70]), { mean: 1, error: 0 });
});

test("every teacher is a plan of its own and its students come after it", () => {
  const plans = distillationPlans(MODELS, BUDGET);
  const names = plans.map(({ name }) => name);
  assert.is(new Set(names).size, names.length);
  for (const [index, { name, teacher, model }] of plans.entries()) {
    if (teacher === undefined) continue;
    assert.ok(names.indexOf(teacher) >= 0 && names.indexOf(teacher) < index, `${name} is before ${teacher}`);
    assert.is(model, name === "token" ? MODELS.distilled : MODELS.plain);
  }
});

test("a claim holds only beyond its standard errors, and one seed decides none that has errors", () => {
  const of = (hard: number[], none: number[], classHead = 0) =>
    new Map([
      ["convnet", scoresOf(hard.map(() => 90))],
      ["none", scoresOf(none)],
      ["soft", scoresOf(none)],
      ["hard", scoresOf(hard)],
      ["token", scoresOf(hard, classHead)],
      ["hard-transformer", scoresOf([40, 41, 42].slice(0, hard.length))],
      ["hard-early-convnet", scoresOf([39, 40, 41].slice(0, hard.length))],
    ]);
  const verdict = (scores: Map<string, Scores[]>, start: string) =>
    distillationClaims(scores).find(({ text }) => text.startsWith(start))?.holds;
  assert.is(verdict(of([60, 61, 62], [50, 51, 53]), "hard above none"), true);
  assert.is(verdict(of([60, 50, 62], [50, 61, 53]), "hard above none"), false);
  assert.is(verdict(of([60], [50]), "hard above none"), null);
  assert.is(verdict(of([60], [50]), "teacher above none"), true);
  assert.is(verdict(of([60, 61, 62], [50, 51, 53]), "a convnet teaches better"), false);
  assert.is(verdict(of([60, 61, 62], [50, 51, 53], 90), "joint answer"), false);
});

test("tables have a row per training, with heads where a model has two", () => {
  const plans = distillationPlans(MODELS, BUDGET);
  const scores = new Map(plans.map(({ name }) => [name, scoresOf([50, 52], name === "token" ? 48 : null)]));
  const table = distillationTable(scores);
  assert.is(table.length, plans.length + 2);
  assert.ok(
    table.includes("| DeiT, hard distillation from the RegNetY | 51.00 ± 1.00 |  |  |"),
    table.join("\n"),
  );
  const token =
    "| DeiT with a distillation token, hard distillation from the RegNetY | 51.00 ± 1.00 | 48.00 ± 0.00 | 48.00 ± 0.00 |";
  assert.ok(table.includes(token), table.join("\n"));
});

test("an ablation changes its ingredient alone, and trains the default and its average once", () => {
  const [base, ...others] = ablationPlans("p.json", 3);
  for (const { name, flags, averageOf } of others) {
    if (averageOf === undefined) assert.equal(flags.slice(0, base.flags.length), base.flags, name);
    else assert.equal([name, averageOf, flags], ["ema", base.name, []]);
  }
  const own = new Map(others.map(({ name, flags }) => [name, flags.slice(base.flags.length).join(" ")]));
  assert.is(new Set(own.values()).size, others.length, "no two rows are the same training");
  assert.is(own.get("no-mix"), "--mixup 0 --cutmix 0");
  for (const flags of own.values())
    assert.not.ok(
      flags !== "" && `${base.flags.join(" ")} `.includes(`${flags} `),
      `${flags} changes something`,
    );
});

test("a direction is claimed beyond chance only, and agrees with the paper's by its sign", () => {
  const of = (differences: readonly number[], paper: number) =>
    verdictOf(meanOf(differences), differences.length, paper);
  // Standard error 0.5: with 2 degrees of freedom a mean of 2.15 is chance at 5%, 2.16 is not.
  const around = (mean: number) => [mean - Math.sqrt(0.75), mean, mean + Math.sqrt(0.75)];
  assert.is(of(around(2.15), 3), "noise");
  assert.is(of(around(2.16), 3), "same");
  assert.is(of(around(-2.16), 3), "other");
  assert.is(of(around(-2.16), -3), "same");
  assert.is(of(around(2.16), 0.1), "here alone");
  assert.is(of(around(0.5), 0.1), "noise");
  assert.is(of([30], 3), "unknown");
  // Student's t with 1 and 2 degrees of freedom has distribution functions in closed form.
  const one = (t: number) => (2 / Math.PI) * Math.atan(t);
  const two = (t: number) => t / Math.sqrt(2 + t * t);
  assert.ok(Math.abs(one(studentQuantile(1)) - 0.95) < 1e-5);
  assert.ok(Math.abs(two(studentQuantile(2)) - 0.95) < 1e-5);
  assert.ok(studentQuantile(100) > 1.96 && studentQuantile(100) <= studentQuantile(9));
});

test("the ablation's table has the paper's differences and says where they are in doubt", () => {
  const plans = ablationPlans("p.json", 3);
  const losing: Readonly<Record<string, number>> = { default: 0, "no-randaugment": 2.2, "no-erasing": -3 };
  const scores = new Map(
    plans.map(({ name }) => [name, scoresOf([50, 52].map((value) => value - (losing[name] ?? 0)))]),
  );
  const rows = ablationTable(scores);
  assert.is(rows.length, plans.length + 2);
  const start = (text: string) => rows.find((row) => row.startsWith(`| ${text} |`));
  assert.is(start("all ingredients"), "| all ingredients | 51.00 ± 1.00 | | 81.8 | |");
  assert.is(
    start("no RandAugment"),
    "| no RandAugment | 48.80 ± 1.00 | -2.20 ± 0.00 | -2.2 | same direction |",
  );
  assert.is(
    start("no random erasing"),
    "| no random erasing | 54.00 ± 1.00 | 3.00 ± 0.00 | -77.5, did not train well | other direction |",
  );
  assert.is(start("with EMA"), "| with EMA | 51.00 ± 1.00 | 0.00 ± 0.00 | 0.1 | within noise |");
});

test("results of other settings are not taken for a plan's own", () => {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-reproduce-"));
  const plan = { name: "default", model: "p.json", flags: ["--epochs", "3"] };
  requireSamePlan(plan, "data-0", folder);
  requireSamePlan({ ...plan, flags: [...plan.flags] }, "data-0", folder);
  assert.throws(
    () => requireSamePlan({ ...plan, flags: ["--epochs", "4"] }, "data-0", folder),
    /other settings/,
  );
  assert.throws(() => requireSamePlan(plan, "data-1", folder), /other settings/);
  rmSync(folder, { recursive: true });
});

test.run();
