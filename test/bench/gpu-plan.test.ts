// The GPU bench's plan: what matters most comes first, every row once, and the time that there is holds for all of them.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { entrantName, type Mode, type PlannedRow, planParity, planRows } from "../../bench/gpu/plan.js";
import { Clock, type Outcome, type RowOutcome, runRows } from "../../bench/gpu/schedule.js";
import type { Limit } from "../../bench/peers/comparison.js";
import { GPU_TIERS } from "../../runtime/executors/webgpu/tier.js";

const BATCHES: Record<Mode, number[]> = { forward: [1, 64], train: [8, 64, 128] };
const ALL = {
  ...{ models: ["tiny", "small", "base"], modes: ["forward", "train"] as const, tiers: GPU_TIERS },
  ...{ batches: (mode: Mode) => BATCHES[mode], pytorch: true, tfjs: true },
};

const text = ({ place, entrant }: PlannedRow) =>
  `${place.model} ${place.mode} ${place.batch} ${entrantName(entrant)}`;

test("the rows that the aims speak of come first, those of the best tier and of PyTorch's bfloat16 before all", () => {
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

test("rows of a place follow each other, so that its weights are written once", () => {
  const places = planRows({ ...ALL, models: ["tiny", "base"] }).map(({ place }) => JSON.stringify(place));
  const changes = places.filter((place, i) => place !== places[i - 1]);
  assert.is(changes.length, new Set(places).size);
});

test("parity of float32 and float16 comes before that of the other tiers; tiers that are not there are left out", () => {
  assert.equal(planParity(GPU_TIERS), ["float32", "float16", "matrices", "subgroups"]);
  assert.equal(planParity(["float32", "subgroups"]), ["float32", "subgroups"]);
  const rows = planRows({ ...ALL, tiers: ["float32"], pytorch: false, tfjs: false });
  assert.ok(rows.every(({ entrant }) => entrantName(entrant) === "vitrine float32"));
});

/** A clock that the test moves on, in seconds. */
function settableClock(options: { rowSeconds: number; maxSeconds: number }) {
  let seconds = 1000;
  const clock = new Clock({ ...options, now: () => 1000 * seconds });
  return { clock, pass: (more: number) => (seconds += more) };
}

test("a row has its own limit, and near the end what is left of the bench's; both say so", () => {
  const { clock, pass } = settableClock({ rowSeconds: 120, maxSeconds: 300 });
  assert.is(clock.limit().ms, 120_000);
  assert.match(clock.limit().reason, /longer than 120 s \(--row-seconds\)/);
  assert.is(clock.limit(3).ms, 300_000);
  pass(250);
  assert.is(clock.limit().ms, 50_000);
  assert.match(clock.limit().reason, /300 s of the bench were over \(--max-seconds\)/);
  assert.is(clock.spent, undefined);
  pass(50);
  assert.match(clock.spent ?? "", /not begun: 300 s/);
  assert.is(clock.limit().ms, 0);
});

test("when the time is over the other rows are listed with the reason, and a row that throws stops nothing", async () => {
  const { clock, pass } = settableClock({ rowSeconds: 40, maxSeconds: 100 });
  const rows = planRows({ ...ALL, models: ["small"] }).slice(0, 6);
  const limits: Limit[] = [];
  const written: number[] = [];
  const run = async (row: PlannedRow, limit: Limit): Promise<RowOutcome> => {
    limits.push(limit);
    pass(40);
    if (row === rows[1]) throw new Error("no such thing");
    return { result: { name: "", medianMs: 1, bestMs: 1, calls: 2, check: [] } };
  };
  const outcomes = await runRows(rows, clock, run, (sofar) => written.push(sofar.length));
  assert.equal(written, [1, 2, 3]);
  assert.equal(
    limits.map(({ ms }) => ms),
    [40_000, 40_000, 20_000],
  );
  const reasons = outcomes.map((outcome: Outcome) => ("reason" in outcome ? outcome.reason : "ran"));
  const late = "not begun: 100 s were over (--max-seconds)";
  assert.equal(reasons, ["ran", "no such thing", "ran", late, late, late]);
});

test.run();
