// Report: what the GPU bench has found so far. It is written after every row, so that a run that is cut off leaves it.

import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Result } from "../peers/comparison.js";
import { difference } from "../peers/report.js";
import type { Machine } from "./machine.js";
import type { TierParity } from "./parity.js";
import { allowedDifference } from "./peers.js";
import { entrantName, type Place } from "./plan.js";
import type { Outcome } from "./schedule.js";

const samePlace = (a: Place, b: Place) => a.model === b.model && a.mode === b.mode && a.batch === b.batch;

/**
 * Ours that the others of a place are compared with: on tier float32, else the first that ran. Undefined where none of ours
 * ran there.
 */
function trustedOf(outcomes: readonly Outcome[], place: Place) {
  const ours = outcomes.filter(
    (outcome) => outcome.entrant.kind === "vitrine" && samePlace(outcome.place, place) && "result" in outcome,
  ) as Extract<Outcome, { result: Result }>[];
  return ours.find(({ entrant }) => entrant.kind === "vitrine" && entrant.tier === "float32") ?? ours[0];
}

/** Figures of those who compute what we do; all others with a reason. */
export function assemble(
  outcomes: readonly Outcome[],
  about: Pick<GpuReport, "machine" | "stepsPerCall" | "seconds" | "parity">,
): GpuReport {
  const [rows, missing]: [Row[], Missing[]] = [[], []];
  for (const outcome of outcomes) {
    const { place, entrant } = outcome;
    const named = { ...place, contestant: entrantName(entrant) };
    if ("reason" in outcome) {
      missing.push({ ...named, reason: outcome.reason });
      continue;
    }
    const trusted = trustedOf(outcomes, place);
    const fromOurs = trusted ? difference(trusted.result.check, outcome.result.check) : 0;
    const allowed = Math.max(allowedDifference(entrant), trusted ? allowedDifference(trusted.entrant) : 0);
    if (!(fromOurs <= allowed)) {
      missing.push({ ...named, reason: `its values are ${fromOurs} from ours, ${allowed} is allowed` });
      continue;
    }
    const { medianMs, bestMs, calls } = outcome.result;
    const imagesPerSecond = (1000 * place.batch * about.stepsPerCall) / medianMs;
    rows.push({ ...named, imagesPerSecond, medianMs, bestMs, calls, fromOurs });
  }
  return { ...about, aims: aimsOf(rows), rows, missing };
}

/** gpu.json and gpu.md in `folder`, each whole at any moment: written beside and renamed. */
export function writeReport(folder: string, report: GpuReport): void {
  mkdirSync(folder, { recursive: true });
  const files = { "gpu.json": `${JSON.stringify(report, null, 1)}\n`, "gpu.md": markdown(report) };
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    writeFileSync(`${path}.part`, text);
    renameSync(`${path}.part`, path);
  }
}

// Figures: what the GPU bench reports, as gpu.json has it.

export interface Row extends Place {
  contestant: string;
  /** From the medians of all calls. */
  imagesPerSecond: number;
  /** Of a call, which is `stepsPerCall` steps. */
  medianMs: number;
  bestMs: number;
  calls: number;
  /** Largest difference of logits, or of the losses of three steps, from ours, over the larger of 1 and our largest. */
  fromOurs: number;
}

export interface Missing extends Place {
  contestant: string;
  reason: string;
}

/** A ratio of training images/s at a batch size. */
export interface Aim {
  batch: number;
  ours: string;
  theirs: string;
  ratio: number;
  /** The ratio is to be at least this. */
  aim: number;
}

export interface GpuReport {
  machine: Machine;
  stepsPerCall: number;
  /** Of the whole bench until now. */
  seconds: number;
  parity: TierParity[];
  aims: Aim[];
  rows: Row[];
  missing: Missing[];
}

// Aims: our training images/s of DeiT-Small over PyTorch's in bfloat16 and over tfjs-webgpu's, where both were measured.

const AIMS: readonly { peer: RegExp; aim: number }[] = [
  { peer: /^pytorch \w+ bf16$/, aim: 0.5 },
  { peer: /^tfjs-webgpu$/, aim: 5 },
];

function fastest(rows: readonly Row[]): Row | undefined {
  return [...rows].sort((a, b) => b.imagesPerSecond - a.imagesPerSecond)[0];
}

/** At each batch size, our fastest tier over the fastest of the peer's forms. */
export function aimsOf(rows: readonly Row[]): Aim[] {
  const training = rows.filter(({ model, mode }) => model === "small" && mode === "train");
  const batches = [...new Set(training.map(({ batch }) => batch))].sort((a, b) => a - b);
  return batches.flatMap((batch) => {
    const here = training.filter((row) => row.batch === batch);
    const ours = fastest(here.filter(({ contestant }) => contestant.startsWith("vitrine ")));
    return AIMS.flatMap(({ peer, aim }) => {
      const theirs = fastest(here.filter(({ contestant }) => peer.test(contestant)));
      if (!ours || !theirs) return [];
      const ratio = ours.imagesPerSecond / theirs.imagesPerSecond;
      return [{ batch, ours: ours.contestant, theirs: theirs.contestant, ratio, aim }];
    });
  });
}

export function aimLine({ batch, ours, theirs, ratio, aim }: Aim): string {
  const verdict = ratio >= aim ? "reached" : "missed";
  return `- training, small, batch ${batch}: ${ours} ${ratio.toFixed(2)} of ${theirs} (aim ≥ ${aim}: ${verdict})`;
}

// Table: the GPU bench's figures as Markdown, a row for each model, mode and batch.

/** Cases that failed, by name, in the table; the JSON has all. */
const MOST_FAILURES = 5;

function machineLines({ adapter, driver, system, processor, node, nvidia, torch }: Machine): string[] {
  const peer = torch
    ? `PyTorch ${torch.version}${torch.gpu ? ` on ${torch.gpu}` : ", no GPU"}`
    : "no PyTorch";
  return [
    `- adapter: ${adapter}; ${driver}`,
    ...(nvidia === null ? [] : [`- nvidia-smi: ${nvidia.replaceAll("\n", "; ")}`]),
    `- ${processor}, ${system}, Node ${node}, ${peer}`,
  ];
}

function parityLine(parity: TierParity): string {
  if ("missing" in parity) return `- parity of tier ${parity.tier}: not known: ${parity.missing}`;
  const { tier, passed, failed, skipped, failures } = parity;
  const names = failures.map(
    ({ name, maxAbsError, tolerance }) => `${name} (${maxAbsError} of ${tolerance})`,
  );
  const which = names.length > 0 ? `: ${names.slice(0, MOST_FAILURES).join(", ")}` : "";
  return `- parity of tier ${tier}: ${passed} passed, ${failed} failed, ${skipped} skipped${which}`;
}

/** A line for each reason, with all whom it kept away. */
function missingLines(missing: readonly Missing[]): string[] {
  const byReason = new Map<string, string[]>();
  for (const { model, mode, batch, contestant, reason } of missing)
    byReason.set(reason, [...(byReason.get(reason) ?? []), `${contestant} ${model} ${mode} ${batch}`]);
  return [...byReason].map(([reason, who]) => `- ${reason}: ${who.join(", ")}`);
}

/** `| deit_tiny… | train | 8 | 412.0 | … |`: images/s of each contestant, and what is missing below. */
export function markdown({ machine, seconds, parity, aims, rows, missing }: GpuReport): string {
  const contestants = [...new Set([...rows, ...missing].map(({ contestant }) => contestant))].sort();
  const heading = ["model", "mode", "batch", ...contestants];
  const places = [...new Set(rows.map(({ model, mode, batch }) => `${model} | ${mode} | ${batch}`))];
  const cells = places.map((place) => {
    const here = rows.filter(({ model, mode, batch }) => `${model} | ${mode} | ${batch}` === place);
    return contestants.map((name) => {
      const row = here.find(({ contestant }) => contestant === name);
      return row ? row.imagesPerSecond.toFixed(1) : "–";
    });
  });
  return [
    "# GPU bench",
    "",
    ...machineLines(machine),
    `- ${seconds.toFixed(0)} s in all`,
    "",
    ...(parity.length > 0 ? parity.map(parityLine) : ["Parity was not run."]),
    ...(aims.length > 0 ? ["", "Aims:", "", ...aims.map(aimLine)] : []),
    "",
    "Images per second, from the medians of all calls:",
    "",
    `| ${heading.join(" | ")} |`,
    `|${heading.map(() => "---").join("|")}|`,
    ...places.map((place, i) => `| ${place} | ${(cells[i] as string[]).join(" | ")} |`),
    ...(missing.length > 0 ? ["", "Missing:", "", ...missingLines(missing)] : []),
    "",
  ].join("\n");
}
