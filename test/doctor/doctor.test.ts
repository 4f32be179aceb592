// Doctor: its findings are those of the runtime, and its text and its JSON agree.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { engineFacts } from "../../bin/doctor/facts.js";
import { type Findings, reportLines } from "../../bin/doctor/report.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import { nodeHost } from "../../runtime/host/node.js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { publishedConfig } from "../../runtime/models/families.js";
import { planTraining } from "../../runtime/training/plan.js";

const VITRINE = fileURLToPath(new URL("../../bin/vitrine.js", import.meta.url));

function doctor(args: string[], environment: Record<string, string> = {}): string {
  const env = { ...process.env, NO_COLOR: "1", ...environment };
  const { status, stdout, stderr } = spawnSync(process.execPath, [VITRINE, "doctor", ...args], {
    encoding: "utf8",
    env,
  });
  assert.is(status, 0, stderr);
  return stdout;
}

const found = JSON.parse(doctor(["--json"])) as Findings;

test("engine, cores and executor are this process's", async () => {
  const host = nodeHost();
  assert.equal(found.engine, await engineFacts(host));
  assert.is(found.engine.node, process.versions.node);
  assert.is(found.cores.budget, host.cores());
  assert.ok(found.cores.budget <= found.cores.allowed && found.cores.allowed <= found.cores.logical);
  const executor = await createWasmExecutor(host, { threads: "auto" });
  assert.is(found.wasm, executor.description);
  assert.is(found.engine.relaxedSimd, executor.fusedMultiplyAdd);
  await executor.dispose();
});

test("the calibration has one chosen block, and none is more than its margin faster", () => {
  const chosen = found.calibration.filter((block) => block.chosen);
  assert.is(chosen.length, 1);
  const fastest = Math.max(...found.calibration.map(({ gigaflops }) => gigaflops));
  assert.ok((chosen[0]?.gigaflops as number) > 0.9 * fastest);
});

test("the largest training batches fit, and the next ones do not", async () => {
  const { training, wasmBytes } = found.memory;
  const executor = await createWasmExecutor(nodeHost());
  const capabilities = { ...executor.capabilities, limitBytes: wasmBytes };
  const plan = (batchSize: number, recompute: boolean) =>
    planTraining(
      {
        config: publishedConfig(training.model) as DeitConfig,
        ...{ batchSize, recompute, distillation: "none", alpha: 0.5, tau: 1, dropPath: 0.1, ema: true },
      },
      capabilities,
    );
  assert.is(plan(8, false).bytes, training.bytesOf8);
  for (const [largest, recompute] of [
    [training.largestBatch, false],
    [training.largestRecomputed, true],
  ] as const) {
    plan(largest, recompute);
    assert.throws(() => plan(largest + 1, recompute), /needs .* are left/);
  }
  await executor.dispose();
});

test("every adapter is listed with its tiers, and with the automatic one", () => {
  for (const { tiers, automaticTier, features, software } of found.adapters.list) {
    assert.is(tiers[0], "float32");
    assert.is(tiers.includes("float16"), features.includes("shader-f16"));
    assert.is(tiers.includes("subgroups"), features.includes("subgroups"));
    assert.ok(tiers.includes(automaticTier) && (!software || automaticTier === "float32"));
  }
  const text = reportLines(found).join("\n");
  const lines = text.match(/tiers +float32.*; --gpu-tier auto chooses \w+/g) ?? [];
  assert.is(lines.length, found.adapters.list.length);
});

test("the last line is what --device auto chooses", async () => {
  const runtime = await createRuntime({ host: nodeHost(), device: "auto", threads: "auto", trains: true });
  assert.equal(found.auto, { device: runtime.executor.device, description: runtime.description });
  assert.ok(found.adapters.list.length > 0 || found.adapters.reason !== null);
  await runtime.dispose();
});

test("the text has every section, one ✓ and the device last, and names an environment that turns wide SIMD off", () => {
  const text = doctor([], { VITRINE_WIDE_SIMD: "off" });
  assert.match(text, /^vitrine \d+\.\d+\.\d+, Node \d+.*\n\nCPU\n.*\nmemory\n.*\nGPUs\n/s);
  assert.match(text, /no 256-bit operations \(VITRINE_WIDE_SIMD=off in the environment\)/);
  assert.is(text.match(/✓/g)?.length, 1);
  assert.match(text.trimEnd().split("\n").at(-1) as string, /^--device auto chooses (wasm|webgpu): /);
});

test("a machine without a driver, without shared memory and under a quota is described as such", () => {
  const lines = reportLines({
    ...found,
    engine: { ...found.engine, relaxedSimd: false },
    cores: { logical: 64, allowed: 16, quota: 3, budget: 3, sharedMemory: false },
    memory: { ...found.memory, limitBytes: 2 ** 31 },
    adapters: { list: [], reason: "device webgpu: the optional package webgpu is not installed" },
  }).join("\n");
  assert.match(lines, /16 of 64 logical cores, quota of 3: one thread with --threads auto/);
  assert.match(lines, /no fused multiply-add/);
  assert.match(lines, /limited to 2\.0 GiB/);
  assert.match(lines, /none: device webgpu: the optional package webgpu is not installed/);
});

test.run();
