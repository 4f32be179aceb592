// The GPU bench's plan: the most important rows come first, every row once, within the time budget.

import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  implementationName,
  type Mode,
  type PlannedRow,
  planParity,
  planRows,
} from "../../bench/gpu/plan.js";
import { type Outcome, type RowOutcome, runRows, TimeBudget } from "../../bench/gpu/schedule.js";
import type { Limit } from "../../bench/peers/comparison.js";
import { GPU_TIERS } from "../../runtime/executors/webgpu/tier.js";

const BATCHES: Record<Mode, number[]> = { forward: [1, 64], train: [8, 64, 128] };
const ALL = {
  models: ["tiny", "small", "base"],
  modes: ["forward", "train"] as const,
  tiers: GPU_TIERS,
  batches: (mode: Mode) => BATCHES[mode],
  pytorch: true,
  tfjs: true,
};

const text = ({ task, implementation }: PlannedRow) =>
  `${task.model} ${task.mode} ${task.batch} ${implementationName(implementation)}`;

test("rows with a target come first, and among them the best tier and PyTorch's bfloat16", () => {
  const rows = planRows(ALL).map(text);
  assert.equal(rows.slice(0, 7), [
    "small train 64 vitrine float16",
    "small train 64 pytorch compiled bf16",
    "small train 64 vitrine matrices",
    "small train 64 vitrine float32",
    "small train 64 pytorch eager bf16",
    "small train 64 tfjs-webgpu",
    "small train 128 vitrine float16",
  ]);
  assert.ok(rows.slice(12, 18).every((row) => row.startsWith("small forward 64 ")));
  assert.is(new Set(rows).size, rows.length);
  assert.is(rows.length, 3 * (2 + 3) * (4 + 4 + 1));
});

test("rows of a task are consecutive, so that its weights are written once", () => {
  const tasks = planRows({ ...ALL, models: ["tiny", "base"] }).map(({ task }) => JSON.stringify(task));
  const changes = tasks.filter((task, i) => task !== tasks[i - 1]);
  assert.is(changes.length, new Set(tasks).size);
});

test("parity of float32 and float16 runs before that of the other tiers; missing tiers are left out", () => {
  assert.equal(planParity(GPU_TIERS), ["float32", "float16", "matrices", "subgroups"]);
  assert.equal(planParity(["float32", "subgroups"]), ["float32", "subgroups"]);
  const rows = planRows({ ...ALL, tiers: ["float32"], pytorch: false, tfjs: false });
  assert.ok(rows.every(({ implementation }) => implementationName(implementation) === "vitrine float32"));
});

/** A budget whose clock the test advances, in seconds. */
function settableBudget(options: { rowSeconds: number; maxSeconds: number }) {
  let seconds = 1000;
  const budget = new TimeBudget({ ...options, now: () => 1000 * seconds });
  return { budget, advance: (more: number) => (seconds += more) };
}

test("a row has its own limit, and near the end the rest of the bench's; both are named in the reason", () => {
  const { budget, advance } = settableBudget({ rowSeconds: 120, maxSeconds: 300 });
  assert.is(budget.limit().ms, 120_000);
  assert.match(budget.limit().reason, /longer than 120 s \(--row-seconds\)/);
  assert.is(budget.limit(3).ms, 300_000);
  advance(250);
  assert.is(budget.limit().ms, 50_000);
  assert.match(budget.limit().reason, /the bench's 300 s were up \(--max-seconds\)/);
  assert.is(budget.exhausted, undefined);
  advance(50);
  assert.match(budget.exhausted ?? "", /not started: 300 s/);
  assert.is(budget.limit().ms, 0);
});

test("rows for which no time is left are listed with that reason, and a row that throws does not stop the next", async () => {
  const { budget, advance } = settableBudget({ rowSeconds: 40, maxSeconds: 100 });
  const rows = planRows({ ...ALL, models: ["small"] }).slice(0, 6);
  const limits: Limit[] = [];
  const written: number[] = [];
  const run = async (row: PlannedRow, limit: Limit): Promise<RowOutcome> => {
    limits.push(limit);
    advance(40);
    if (row === rows[1]) throw new Error("no such thing");
    return { result: { name: "", medianMs: 1, bestMs: 1, calls: 2, check: [] } };
  };
  const outcomes = await runRows(rows, budget, run, (soFar) => written.push(soFar.length));
  assert.equal(written, [1, 2, 3]);
  assert.equal(
    limits.map(({ ms }) => ms),
    [40_000, 40_000, 20_000],
  );
  const reasons = outcomes.map((outcome: Outcome) => ("reason" in outcome ? outcome.reason : "ran"));
  const late = "not started: 100 s were up (--max-seconds)";
  assert.equal(reasons, ["ran", "no such thing", "ran", late, late, late]);
});

test.run();
