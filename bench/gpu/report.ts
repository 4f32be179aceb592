// Report: what the GPU bench has found so far. It is written after every row, so that a run that is cut off leaves it.

import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Result } from "../peers/contest.js";
import { difference } from "../peers/report.js";
import { aimsOf } from "./aims.js";
import { allowedDifference } from "./contestants.js";
import type { GpuReport, Missing, Row } from "./figures.js";
import { entrantName, type Place } from "./plan.js";
import type { Outcome } from "./run-rows.js";
import { markdown } from "./table.js";

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
