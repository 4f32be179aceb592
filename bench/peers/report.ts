// Report: which results may be compared, the table, and the ratios of the last line.

import { arch, cpus, loadavg } from "node:os";
import type { Absent, Result } from "./comparison.js";

/** Largest relative difference from our values that still counts as the same computation. */
export const TOLERANCE = 1e-4;

/** max |theirs − ours| over the larger of 1 and max |ours|. */
export function difference(ours: readonly number[], theirs: readonly number[]): number {
  if (ours.length !== theirs.length) return Number.POSITIVE_INFINITY;
  let [apart, size] = [0, 1];
  for (const [i, value] of ours.entries()) {
    // Negated so that a NaN counts as a difference.
    const distance = Math.abs(value - theirs[i]);
    if (!(distance <= apart)) apart = Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance;
    size = Math.max(size, Math.abs(value));
  }
  return apart / size;
}

/** Refuses results whose values differ from those of `reference`: they come from a different computation. */
export function sameComputation(
  reference: Result | undefined,
  results: readonly Result[],
  toleranceOf: (result: Result) => number = () => TOLERANCE,
): { agreed: Result[]; refused: Absent[] } {
  if (!reference) return { agreed: [...results], refused: [] };
  const refused: Absent[] = [];
  const agreed = results.filter((result) => {
    const apart = difference(reference.check, result.check);
    const tolerance = toleranceOf(result);
    if (apart <= tolerance) return true;
    const reason = `its values are ${apart.toExponential(1)} from ours, ${tolerance} is allowed`;
    refused.push({ name: result.name, reason });
    return false;
  });
  return { agreed, refused };
}

export interface Ratios {
  /** From the medians. */
  ratios: Record<string, number | null>;
  /** From the best calls: what other processes on the cores distort least. */
  ratiosOfBest: Record<string, number | null>;
  /** Why a ratio is null. */
  missing: Record<string, string>;
}

/** Ours over theirs in images/s. `pairs`: ratio → [ours, theirs], names of peers. */
export function ratiosOf(
  pairs: Readonly<Record<string, readonly [ours: string, theirs: string]>>,
  results: readonly Result[],
  absent: readonly Absent[],
): Ratios {
  const byName = new Map(results.map((result) => [result.name, result]));
  const reasons = new Map(absent.map(({ name, reason }) => [name, reason]));
  const answer: Ratios = { ratios: {}, ratiosOfBest: {}, missing: {} };
  for (const [ratio, names] of Object.entries(pairs)) {
    const [ours, theirs] = names.map((name) => byName.get(name));
    answer.ratios[ratio] = ours && theirs ? rounded(theirs.medianMs / ours.medianMs) : null;
    answer.ratiosOfBest[ratio] = ours && theirs ? rounded(theirs.bestMs / ours.bestMs) : null;
    if (ours && theirs) continue;
    const lacking = names.find((name) => !byName.has(name)) ?? "";
    answer.missing[ratio] = `${lacking}: ${reasons.get(lacking) ?? "not selected"}`;
  }
  return answer;
}

const rounded = (ratio: number) => Number(ratio.toFixed(3));

export function printRatios({ ratios, ratiosOfBest, missing }: Ratios): void {
  for (const [name, ratio] of Object.entries(ratios)) {
    const text =
      ratio === null ? `none: ${missing[name]}` : `${ratio} (of the best calls ${ratiosOfBest[name]})`;
    console.log(`  ${name.padEnd(20)} ${text}`);
  }
}

function printRow(result: Result, batch: number, flops: number, apart: number): void {
  const { medianMs, bestMs } = result;
  const figures = [
    (medianMs / batch).toFixed(2),
    (bestMs / batch).toFixed(2),
    ((1000 * batch) / medianMs).toFixed(2),
    (flops / medianMs / 1e6).toFixed(1),
  ];
  const text = figures.map((figure) => figure.padStart(10)).join(" ");
  console.log(`${result.name.padEnd(24)} ${String(batch).padStart(5)} ${text}  ${apart.toExponential(1)}`);
}

export function printHeading(what: string): void {
  const [cpu] = cpus();
  const load = loadavg()[0].toFixed(1);
  console.log(
    `${what}, Node ${process.version}, ${cpus().length} × ${cpu?.model ?? arch()}, load ${load} at the start`,
  );
  console.log("peer                     batch  ms an image: median, best  images/s    GFLOP/s  from ours");
}

/** Which backend each peer chose, for the peers that say so. */
export function printBackends(results: readonly Result[]): void {
  for (const { name, backend } of results) if (backend !== undefined) console.log(`${name} is ${backend}`);
}

/** A row of the JSON. */
export interface ResultRow {
  name: string;
  medianMs: number;
  bestMs: number;
  calls: number;
  fromOurs: number;
  backend?: string;
}

export function rowOf({ check, ...figures }: Result, reference: Result | undefined): ResultRow {
  return { ...figures, fromOurs: difference(reference?.check ?? [], check) };
}

/** Prints a table of `results`, then those that are missing with the reason. */
export function printTable(
  results: readonly Result[],
  missing: readonly Absent[],
  { batch, flops, reference }: { batch: number; flops: number; reference: Result | undefined },
): void {
  for (const result of results) printRow(result, batch, flops, rowOf(result, reference).fromOurs);
  for (const { name, reason } of missing)
    console.log(`${name.padEnd(24)} ${String(batch).padStart(5)}  ${reason}`);
}
