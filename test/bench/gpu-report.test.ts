// The GPU bench's report: peers that compute what we do have figures, others a reason; targets appear where both sides ran.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Machine } from "../../bench/gpu/machine.js";
import type { TierParity } from "../../bench/gpu/parity.js";
import type { Implementation, Mode } from "../../bench/gpu/plan.js";
import type { GpuReport } from "../../bench/gpu/report.js";
import { assemble, markdown, targetLine, writeReport } from "../../bench/gpu/report.js";
import type { Outcome } from "../../bench/gpu/schedule.js";

const MACHINE: Machine = {
  adapter: "A GPU (vulkan)",
  driver: "Driver 1",
  software: false,
  features: [],
  system: "Linux",
  cpu: "2 × a CPU",
  node: "v20",
  nvidia: null,
  torch: { python: "python3", version: "2.0", gpu: "A GPU" },
};
const PARITY: TierParity[] = [
  { tier: "float32", passed: 10, failed: 0, skipped: 1, failures: [] },
  {
    tier: "float16",
    passed: 9,
    failed: 1,
    skipped: 1,
    failures: [{ name: "forward/logits", maxAbsError: 0.5, tolerance: 0.25 }],
  },
  { tier: "subgroups", missing: "stopped: it took longer than 360 s (--row-seconds), after 7 cases" },
];

const ours = (tier: "float32" | "float16"): Implementation => ({ kind: "vitrine", tier });
const bf16 = (form: "eager" | "compiled"): Implementation => ({ kind: "pytorch", form, dtype: "bf16" });
const FLOAT32_TORCH: Implementation = { kind: "pytorch", form: "eager", dtype: "f32" };

function outcome(
  implementation: Implementation,
  medianMs: number,
  check: number[],
  mode: Mode = "train",
): Outcome {
  const task = { model: "small", mode, batch: 64 };
  return { task, implementation, result: { name: "", medianMs, bestMs: medianMs, calls: 5, check } };
}

const report = (outcomes: readonly Outcome[]): GpuReport =>
  assemble(outcomes, { machine: MACHINE, stepsPerCall: 8, seconds: 61, parity: PARITY });

test("every peer is compared with our float32, whenever that ran, by the tolerance of its own precision", () => {
  const { rows, missing } = report([
    outcome(ours("float16"), 10, [2.006]),
    outcome(FLOAT32_TORCH, 20, [2.006]),
    outcome(bf16("eager"), 20, [2.1]),
    outcome({ kind: "tfjs" }, 30, [Number.NaN]),
    outcome(ours("float32"), 20, [2]),
  ]);
  assert.equal(
    rows.map(({ peer }) => peer),
    ["vitrine float16", "pytorch eager bf16", "vitrine float32"],
  );
  assert.equal(
    missing.map(({ peer }) => peer),
    ["pytorch eager f32", "tfjs-webgpu"],
  );
  assert.match(missing[0]?.reason ?? "", /from ours, 0.001 is allowed/);
  assert.is(rows[0]?.imagesPerSecond, (1000 * 64 * 8) / 10);
});

test("until our float32 has run, the tolerance is that of the tier that has", () => {
  const { rows } = report([outcome(ours("float16"), 10, [2.006]), outcome(FLOAT32_TORCH, 20, [2])]);
  assert.is(rows.length, 2);
});

test("a target compares our fastest tier with the fastest form of the peer, at a batch size that both have", () => {
  const measured = [
    outcome(ours("float32"), 40, [2]),
    outcome(ours("float16"), 16, [2]),
    outcome(bf16("eager"), 12, [2]),
    outcome(bf16("compiled"), 10, [2]),
    outcome(bf16("compiled"), 1, [2], "forward"),
  ];
  const { targets } = report(measured);
  assert.equal(targets, [
    { batch: 64, ours: "vitrine float16", theirs: "pytorch compiled bf16", ratio: 0.625, minimum: 0.5 },
  ]);
  assert.match(
    targets.map(targetLine).join(),
    /vitrine float16 0.63 of pytorch compiled bf16 \(target ≥ 0.5: reached\)/,
  );
  assert.equal(report(measured.slice(0, 2)).targets, []);
  assert.not.match(markdown(report(measured.slice(0, 2))), /Target/);
});

test("the table has a line for each task, parity, and what is missing with the reason", () => {
  const late: Outcome = {
    task: { model: "base", mode: "forward", batch: 1 },
    implementation: { kind: "tfjs" },
    reason: "not started: 600 s were up (--max-seconds)",
  };
  const text = markdown(report([outcome(ours("float32"), 40, [2]), outcome(bf16("eager"), 20, [2]), late]));
  assert.match(
    text,
    /^\| model \| mode \| batch \| pytorch eager bf16 \| tfjs-webgpu \| vitrine float32 \|$/m,
  );
  assert.match(text, /^\| small \| train \| 64 \| 25600.0 \| – \| 12800.0 \|$/m);
  assert.match(text, /^- parity of tier float16: 9 passed, 1 failed, .*: forward\/logits \(0.5 of 0.25\)$/m);
  assert.match(text, /^- parity of tier subgroups: unknown: stopped: .*, after 7 cases$/m);
  assert.match(text, /^- not started: 600 s were up .*: tfjs-webgpu base forward 1$/m);
});

test("a report replaces the previous one completely", () => {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-report-"));
  try {
    writeReport(folder, report([]));
    const last = report([outcome(ours("float32"), 40, [2])]);
    writeReport(folder, last);
    assert.equal(readdirSync(folder).sort(), ["gpu.json", "gpu.md"]);
    assert.equal(JSON.parse(readFileSync(join(folder, "gpu.json"), "utf8")), last);
    assert.is(readFileSync(join(folder, "gpu.md"), "utf8"), markdown(last));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
