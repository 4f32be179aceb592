// Parity: compares everything computed here with the reference implementation's own numbers. `npm run parity -- DIR
// [--device wasm] [--gpu-tier TIER] [--json]`: a line per case, then the counts; exit status 1 on a failure. Tolerances
// are those of the tier that computes (executors/tier-tolerances.ts).

import { Command } from "commander";
import pc from "picocolors";
import { printJson, reportFailure } from "../../bin/command-line.js";
import { gpuTierOption } from "../../bin/model-options.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import { GPU_TIERS, type GpuTier } from "../../runtime/executors/webgpu/tier.js";
import { nodeHost } from "../../runtime/host/node.js";
import type { CaseGroup, ParityContext, ParityOutcome } from "./case.js";
import { openFixtureFolder } from "./fixture-folder.js";
import { forwardCases } from "./forward-cases.js";
import { gradientCases } from "./gradient-cases.js";
import { evaluationCases, resizeCases, resizedCropCases } from "./image-cases.js";
import {
  cutmixBoxCases,
  dropPathRateCases,
  mixTargetCases,
  repeatedSamplerCases,
} from "./image-draw-cases.js";
import { mixU8Cases } from "./image-mix-cases.js";
import { operationCases, operationChainCases } from "./image-operation-cases.js";
import { optimizerCases } from "./optimizer-cases.js";
import { regnetyCases } from "./regnety-cases.js";
import { floatErasingCases, samplerCases } from "./sampler-cases.js";
import { scheduleCases } from "./schedule-cases.js";
import { weightsCases } from "./weights-cases.js";

const GROUPS: readonly CaseGroup[] = [
  forwardCases,
  gradientCases,
  optimizerCases,
  regnetyCases,
  scheduleCases,
  weightsCases,
  resizeCases,
  resizedCropCases,
  evaluationCases,
  mixU8Cases,
  mixTargetCases,
  cutmixBoxCases,
  dropPathRateCases,
  repeatedSamplerCases,
  operationCases,
  operationChainCases,
  samplerCases,
  floatErasingCases,
];

interface Summary {
  passed: number;
  failed: number;
  skipped: number;
  cases: ParityOutcome[];
}

function outcomeLine({ name, ok, maxAbsError, tolerance, skipped }: ParityOutcome): string {
  if (skipped !== undefined) return `${pc.yellow("skipped")} ${name}: ${skipped}`;
  const mark = ok ? pc.green("ok     ") : pc.red("FAILED ");
  return `${mark} ${name}  error ${maxAbsError.toExponential(2)}, allowed ${tolerance.toExponential(2)}`;
}

function summarize(cases: ParityOutcome[]): Summary {
  const run = cases.filter(({ skipped }) => skipped === undefined);
  const passed = run.filter(({ ok }) => ok).length;
  return { passed, failed: run.length - passed, skipped: cases.length - run.length, cases };
}

/** Runs every group on `folder`; an error of a group is reported as a failed case, and the others still run. */
async function runParity(
  context: ParityContext,
  onCase: (outcome: ParityOutcome) => void = () => {},
): Promise<Summary> {
  const cases: ParityOutcome[] = [];
  const add = (outcome: ParityOutcome) => {
    cases.push(outcome);
    onCase(outcome);
  };
  for (const group of GROUPS) {
    try {
      for await (const outcome of group(context)) add(outcome);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const name = `${group.name || "cases"} stopped: ${reason}`;
      add({ name, ok: false, maxAbsError: Number.NaN, tolerance: 0 });
    }
  }
  return summarize(cases);
}

/** A missing device gives one line, not a failure of every group. Returns the tier that it computes on. */
async function tierOf(device: string, gpuTier: string | undefined): Promise<GpuTier | undefined> {
  const runtime = await createRuntime({ host: nodeHost(), device, gpuTier });
  const { tier } = runtime.executor;
  await runtime.dispose();
  return GPU_TIERS.find((name) => name === tier);
}

async function main(
  folder: string,
  { device, gpuTier, json }: { device: string; gpuTier?: string; json: boolean },
): Promise<void> {
  const tier = await tierOf(device, gpuTier);
  // A reader that closes the pipe early (`| head`) is not worth a stack trace.
  process.stdout.once("error", () => process.exit(1));
  const summary = await runParity(openFixtureFolder(folder, device, tier), (outcome) =>
    process.stdout.write(`${outcomeLine(outcome)}\n`),
  );
  const { passed, failed, skipped } = summary;
  if (json) printJson({ device, tier: tier ?? null, ...summary });
  else {
    const where = tier === undefined ? device : `${device}, tier ${tier}`;
    process.stdout.write(`${where}: ${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  }
  if (failed > 0 || passed === 0) process.exitCode = 1;
}

const program = new Command("parity")
  .argument("<folder>", "folder of fixtures, laid out like reference/micro")
  .option("--device <device>", "what computes", "wasm")
  .addOption(gpuTierOption())
  .option("--json", "end with one line of JSON", false)
  .action(main);

// Importing this file runs it: comparing its path with argv would fail when it is started through a symbolic link.
await program.parseAsync(process.argv).catch(reportFailure);
