// Parity: compares everything computed here with the reference implementation's own numbers.
// `npm run parity -- DIR [--device wasm] [--json]`: a line a case, then the counts; exit status 1 on a failure.

import { Command } from "commander";
import pc from "picocolors";
import { printJson, reportFailure } from "../../bin/command-line.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost } from "../../runtime/host/node.js";
import type { CaseGroup, ParityOutcome } from "./case.js";
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
import { laterCases } from "./later-cases.js";
import { optimizerCases } from "./optimizer-cases.js";
import { regnetyCases } from "./regnety-cases.js";
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
  laterCases,
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

function summarise(cases: ParityOutcome[]): Summary {
  const run = cases.filter(({ skipped }) => skipped === undefined);
  const passed = run.filter(({ ok }) => ok).length;
  return { passed, failed: run.length - passed, skipped: cases.length - run.length, cases };
}

/** Runs every group on `folder`; what a group throws is a failed case of its own, and the others still run. */
export async function runParity(
  folder: string,
  device: string,
  onCase: (outcome: ParityOutcome) => void = () => {},
): Promise<Summary> {
  const context = openFixtureFolder(folder, device);
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
  return summarise(cases);
}

/** A device that is not there is one line, not a failure of every group. */
async function checkDevice(device: string): Promise<void> {
  const runtime = await createRuntime({ host: nodeHost(), device });
  await runtime.dispose();
}

async function main(folder: string, options: { device: string; json: boolean }): Promise<void> {
  await checkDevice(options.device);
  // A reader that has seen enough (`| head`) is no failure worth a stack trace.
  process.stdout.once("error", () => process.exit(1));
  const summary = await runParity(folder, options.device, (outcome) =>
    process.stdout.write(`${outcomeLine(outcome)}\n`),
  );
  const { passed, failed, skipped } = summary;
  if (options.json) printJson(summary);
  else process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  if (failed > 0 || passed === 0) process.exitCode = 1;
}

const program = new Command("parity")
  .argument("<folder>", "folder of fixtures, laid out like reference/micro")
  .option("--device <device>", "what computes", "wasm")
  .option("--json", "end with one line of JSON", false)
  .action(main);

if (process.argv[1] === import.meta.filename) await program.parseAsync(process.argv).catch(reportFailure);
