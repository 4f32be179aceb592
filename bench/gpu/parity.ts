// Parity of a tier on the GPU under test: figures of a device that computes something else would mean nothing.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { GpuTier } from "../../runtime/executors/webgpu/tier.js";
import type { Limit } from "../peers/comparison.js";

interface Failure {
  name: string;
  maxAbsError: number | null;
  tolerance: number;
}

/** A tier's parity: counts with the failed cases, or why it did not finish. */
export type TierParity = { tier: GpuTier } & (
  | { passed: number; failed: number; skipped: number; failures: Failure[] }
  | { missing: string }
);

interface Summary {
  passed: number;
  failed: number;
  skipped: number;
  cases: (Failure & { ok: boolean; skipped?: string })[];
}

/** Runs the parity command on `device` with the fixtures in folder `reference`. */
export function tierParity(tier: GpuTier, device: string, reference: string, limit: Limit): TierParity {
  const script = fileURLToPath(new URL("../../test/parity/run.js", import.meta.url));
  const words = [script, reference, "--device", device, "--gpu-tier", tier, "--json"];
  const { stdout, stderr, signal } = spawnSync(process.execPath, words, {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    timeout: Math.max(1, Math.ceil(limit.ms)),
    killSignal: "SIGKILL",
  });
  const lines = stdout.trimEnd().split("\n");
  const last = lines.at(-1) ?? "";
  if (!last.startsWith("{")) {
    const reason = signal === "SIGKILL" ? limit.reason : (stderr.trimEnd().split("\n").at(-1) ?? "");
    return { tier, missing: `${reason}, after ${lines.filter((line) => line !== "").length} cases` };
  }
  const { passed, failed, skipped, cases } = JSON.parse(last) as Summary;
  const failures = cases
    .filter((each) => !each.ok && each.skipped === undefined)
    .map(({ name, maxAbsError, tolerance }) => ({ name, maxAbsError, tolerance }));
  return { tier, passed, failed, skipped, failures };
}
