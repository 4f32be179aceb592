// Report of the GPU bench: figures as JSON (gpu.json) and as a table (gpu.md), with what is missing and why. It is written
// after every row, so that a run that is cut off leaves it.

import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Result } from "../peers/comparison.js";
import { difference } from "../peers/report.js";
import type { Machine } from "./machine.js";
import type { TierParity } from "./parity.js";
import { allowedDifference } from "./peers.js";
import { implementationName, type Task } from "./plan.js";
import type { Outcome } from "./schedule.js";

export interface Row extends Task {
  peer: string;
  /** From the medians of all calls. */
  imagesPerSecond: number;
  /** Of a call, which is `stepsPerCall` steps. */
  medianMs: number;
  bestMs: number;
  calls: number;
  /** Largest difference of logits, or of the losses of three steps, from ours, over the larger of 1 and our largest. */
  fromOurs: number;
}

export interface Missing extends Task {
  peer: string;
  reason: string;
}

/** A ratio of training images/s at a batch size, beside what it should be at least. */
export interface Target {
  batch: number;
  ours: string;
  theirs: string;
  ratio: number;
  minimum: number;
}

export interface GpuReport {
  machine: Machine;
  stepsPerCall: number;
  /** Of the whole bench so far. */
  seconds: number;
  parity: TierParity[];
  targets: Target[];
  rows: Row[];
  missing: Missing[];
}

const sameTask = (a: Task, b: Task) => a.model === b.model && a.mode === b.mode && a.batch === b.batch;

/** Our result that the others of a task are compared with: tier float32's, else the first one. Undefined if there is none. */
function referenceOf(outcomes: readonly Outcome[], task: Task) {
  const ours = outcomes.filter(
    (outcome) =>
      outcome.implementation.kind === "vitrine" && sameTask(outcome.task, task) && "result" in outcome,
  ) as Extract<Outcome, { result: Result }>[];
  const isFloat32 = ({ implementation }: Outcome) =>
    implementation.kind === "vitrine" && implementation.tier === "float32";
  return ours.find(isFloat32) ?? ours[0];
}

/** Figures of the peers that compute what we do; the others are `missing`, with a reason. */
export function assemble(
  outcomes: readonly Outcome[],
  about: Pick<GpuReport, "machine" | "stepsPerCall" | "seconds" | "parity">,
): GpuReport {
  const [rows, missing]: [Row[], Missing[]] = [[], []];
  for (const outcome of outcomes) {
    const { task, implementation } = outcome;
    const named = { ...task, peer: implementationName(implementation) };
    if ("reason" in outcome) {
      missing.push({ ...named, reason: outcome.reason });
      continue;
    }
    const reference = referenceOf(outcomes, task);
    const fromOurs = reference ? difference(reference.result.check, outcome.result.check) : 0;
    const allowed = Math.max(
      allowedDifference(implementation),
      reference ? allowedDifference(reference.implementation) : 0,
    );
    if (!(fromOurs <= allowed)) {
      missing.push({ ...named, reason: `its values are ${fromOurs} from ours, ${allowed} is allowed` });
      continue;
    }
    const { medianMs, bestMs, calls } = outcome.result;
    const imagesPerSecond = (1000 * task.batch * about.stepsPerCall) / medianMs;
    rows.push({ ...named, imagesPerSecond, medianMs, bestMs, calls, fromOurs });
  }
  return { ...about, targets: targetsOf(rows), rows, missing };
}

/** Our training images/s of DeiT-Small over PyTorch's in bfloat16 and over tfjs-webgpu's should be at least these. */
const TARGETS: readonly { theirs: RegExp; minimum: number }[] = [
  { theirs: /^pytorch \w+ bf16$/, minimum: 0.5 },
  { theirs: /^tfjs-webgpu$/, minimum: 5 },
];

function fastest(rows: readonly Row[]): Row | undefined {
  return [...rows].sort((a, b) => b.imagesPerSecond - a.imagesPerSecond)[0];
}

/** At each batch size where both were measured: our fastest tier over the fastest of the peer's forms. */
function targetsOf(rows: readonly Row[]): Target[] {
  const training = rows.filter(({ model, mode }) => model === "small" && mode === "train");
  const batches = [...new Set(training.map(({ batch }) => batch))].sort((a, b) => a - b);
  return batches.flatMap((batch) => {
    const here = training.filter((row) => row.batch === batch);
    const ours = fastest(here.filter(({ peer }) => peer.startsWith("vitrine ")));
    return TARGETS.flatMap(({ theirs: pattern, minimum }) => {
      const theirs = fastest(here.filter(({ peer }) => pattern.test(peer)));
      if (!ours || !theirs) return [];
      const ratio = ours.imagesPerSecond / theirs.imagesPerSecond;
      return [{ batch, ours: ours.peer, theirs: theirs.peer, ratio, minimum }];
    });
  });
}

/** Writes gpu.json and gpu.md into `folder`. Each is replaced by a rename, so that it is complete at any moment. */
export function writeReport(folder: string, report: GpuReport): void {
  mkdirSync(folder, { recursive: true });
  const files = { "gpu.json": `${JSON.stringify(report, null, 1)}\n`, "gpu.md": markdown(report) };
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    writeFileSync(`${path}.part`, text);
    renameSync(`${path}.part`, path);
  }
}

/** Failed cases named in the table; the JSON has all of them. */
const MAX_FAILURES = 5;

/** A row for each model, mode and batch size with images/s of each peer; below it, what is missing. */
export function markdown({ machine, seconds, parity, targets, rows, missing }: GpuReport): string {
  const peers = [...new Set([...rows, ...missing].map(({ peer }) => peer))].sort();
  const heading = ["model", "mode", "batch", ...peers];
  const taskOf = ({ model, mode, batch }: Task) => `${model} | ${mode} | ${batch}`;
  const lines = [...new Set(rows.map(taskOf))].map((task) => {
    const cells = peers.map((name) => {
      const row = rows.find((each) => taskOf(each) === task && each.peer === name);
      return row ? row.imagesPerSecond.toFixed(1) : "–";
    });
    return `| ${task} | ${cells.join(" | ")} |`;
  });
  return [
    "# GPU bench",
    "",
    ...machineLines(machine),
    `- ${seconds.toFixed(0)} s in all`,
    "",
    ...(parity.length > 0 ? parity.map(parityLine) : ["Parity was not run."]),
    ...(targets.length > 0 ? ["", "Targets:", "", ...targets.map(targetLine)] : []),
    "",
    "Images per second, from the medians of all calls:",
    "",
    `| ${heading.join(" | ")} |`,
    `|${heading.map(() => "---").join("|")}|`,
    ...lines,
    ...(missing.length > 0 ? ["", "Missing:", "", ...missingLines(missing)] : []),
    "",
  ].join("\n");
}

function machineLines({ adapter, driver, system, cpu, node, nvidia, torch }: Machine): string[] {
  const pytorch = torch
    ? `PyTorch ${torch.version}${torch.gpu ? ` on ${torch.gpu}` : ", no GPU"}`
    : "no PyTorch";
  return [
    `- adapter: ${adapter}; ${driver}`,
    ...(nvidia === null ? [] : [`- nvidia-smi: ${nvidia.replaceAll("\n", "; ")}`]),
    `- ${cpu}, ${system}, Node ${node}, ${pytorch}`,
  ];
}

function parityLine(parity: TierParity): string {
  if ("missing" in parity) return `- parity of tier ${parity.tier}: unknown: ${parity.missing}`;
  const { tier, passed, failed, skipped, failures } = parity;
  const names = failures.map(
    ({ name, maxAbsError, tolerance }) => `${name} (${maxAbsError} of ${tolerance})`,
  );
  const which = names.length > 0 ? `: ${names.slice(0, MAX_FAILURES).join(", ")}` : "";
  return `- parity of tier ${tier}: ${passed} passed, ${failed} failed, ${skipped} skipped${which}`;
}

export function targetLine({ batch, ours, theirs, ratio, minimum }: Target): string {
  const verdict = ratio >= minimum ? "reached" : "missed";
  return (
    `- training, small, batch ${batch}: ${ours} ${ratio.toFixed(2)} of ${theirs} ` +
    `(target ≥ ${minimum}: ${verdict})`
  );
}

/** A line for each reason, with all rows that it applies to. */
function missingLines(missing: readonly Missing[]): string[] {
  const byReason = new Map<string, string[]>();
  for (const { model, mode, batch, peer, reason } of missing)
    byReason.set(reason, [...(byReason.get(reason) ?? []), `${peer} ${model} ${mode} ${batch}`]);
  return [...byReason].map(([reason, rows]) => `- ${reason}: ${rows.join(", ")}`);
}
