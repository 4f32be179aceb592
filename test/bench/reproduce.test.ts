// Reproduce: what the tables of the paper's comparisons in small compute from scores, and in which order they train.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { ablationPlans, ablationTable } from "../../bench/reproduce/ablation.js";
import {
  distillationClaims,
  distillationPlans,
  distillationTable,
} from "../../bench/reproduce/distillation.js";
import { meanOf, pairedDifference } from "../../bench/reproduce/statistics.js";
import type { Scores } from "../../bench/reproduce/trainings.js";

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
  const ablation = ablationPlans("p.json", 3);
  const rows = ablationTable(
    new Map(ablation.map(({ name }) => [name, scoresOf(name === "default" ? [50] : [47.8])])),
  );
  assert.is(rows.length, ablation.length + 2);
  assert.ok(rows.includes("| no RandAugment | 47.80 | -2.20 | -2.2 |"), rows.join("\n"));
});

test.run();
