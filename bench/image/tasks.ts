// Tasks: what is timed, by which peers, and the ratios that follow.

import { type Estimate, estimate, median } from "../statistics.js";
import { type Assignment, type Peer, type Peers, runRounds, type Seconds } from "./comparison.js";
import type { Inputs } from "./inputs.js";

/** Ours over theirs in images/s. */
export const RATIOS: Readonly<Record<string, { task: string; ours: string; theirs: string }>> = {
  decodeVsNative: { task: "decode", ours: "vitrine", theirs: "native" },
  decodeVsJsquash: { task: "decode", ours: "vitrine", theirs: "jsquash" },
  decodeVsSharp: { task: "decode", ours: "vitrine", theirs: "sharp" },
  cropDecodeVsNative: { task: "cropDecode", ours: "vitrine", theirs: "native" },
  trainInputVsPillow: { task: "trainInput", ours: "vitrine", theirs: "pillow" },
  decode12mpPlainVsNative: { task: "decode12mpPlain", ours: "vitrineLarge", theirs: "nativeLarge" },
  decode12mpSmoothVsNative: { task: "decode12mpSmooth", ours: "vitrineLarge", theirs: "nativeLarge" },
  decode12mpNoisyVsNative: { task: "decode12mpNoisy", ours: "vitrineLarge", theirs: "nativeLarge" },
  scaled12mpSmoothVsNativeFull: {
    task: "scaled12mpSmooth",
    ours: "vitrineLarge",
    theirs: "nativeLarge",
  },
  scaled12mpNoisyVsNativeFull: { task: "scaled12mpNoisy", ours: "vitrineLarge", theirs: "nativeLarge" },
};

/** Ratios that are reported as the lowest of several. */
export const LOWEST: Readonly<Record<string, readonly string[]>> = {
  decode12mpVsNative: ["decode12mpSmoothVsNative", "decode12mpNoisyVsNative"],
  scaled12mpVsNativeFull: ["scaled12mpSmoothVsNativeFull", "scaled12mpNoisyVsNativeFull"],
};

interface Task {
  /** Peer → its job, and the files of its list that it runs on. */
  jobs: Readonly<Record<string, Job>>;
  slices: number;
}

interface Job {
  job: string;
  first: number;
  count: number;
}

function tasksOf({ photos: { count }, large }: Inputs): Record<string, Task> {
  const slices = Math.min(8, count);
  const decode = { job: "decode", first: 0, count };
  const crop = { job: "crop", first: 0, count };
  const train = { job: "train", first: 0, count };
  const tasks: Record<string, Task> = {
    decode: { jobs: { vitrine: decode, native: decode, sharp: decode, jsquash: decode }, slices },
    cropDecode: { jobs: { vitrine: crop, native: crop }, slices },
    trainInput: { jobs: { vitrine: train, pillow: train }, slices },
  };
  for (const { level, first } of large?.levels ?? []) {
    const { files, crops } = large as { files: number; crops: number };
    const whole = { job: "decode", first, count: files };
    const scaled = { job: "scaled", first, count: crops };
    const name = level[0].toUpperCase() + level.slice(1);
    tasks[`decode12mp${name}`] = { jobs: { vitrineLarge: whole, nativeLarge: whole }, slices: files };
    if (level !== "plain")
      tasks[`scaled12mp${name}`] = { jobs: { vitrineLarge: scaled, nativeLarge: whole }, slices: files };
  }
  return tasks;
}

export interface Results {
  /** From CPU time; null where a peer is missing. */
  ratios: Record<string, Estimate | null>;
  ratiosOfWall: Record<string, Estimate | null>;
  /** Task → peer → images/s of CPU time, median of the rounds. */
  imagesPerSecond: Record<string, Record<string, number>>;
}

/** Runs every task with the peers that are present. */
export async function timeAll(inputs: Inputs, { present }: Peers, rounds: number): Promise<Results> {
  const results: Results = { ratios: {}, ratiosOfWall: {}, imagesPerSecond: {} };
  for (const ratio of Object.keys(RATIOS)) results.ratios[ratio] = results.ratiosOfWall[ratio] = null;
  for (const [task, { jobs, slices }] of Object.entries(tasksOf(inputs))) {
    const names = Object.keys(jobs).filter((name) => present.has(name));
    const assignments = names.map((name): Assignment => {
      return { peer: present.get(name) as Peer, ...jobs[name] };
    });
    const spent = await runRounds(assignments, { rounds, slices });
    /** Seconds an image, one of each round. */
    const perImage = (name: string, clock: keyof Seconds) => {
      const index = names.indexOf(name);
      return spent[index].map((seconds) => seconds[clock] / assignments[index].count);
    };
    results.imagesPerSecond[task] = Object.fromEntries(
      names.map((name) => [name.replace("Large", ""), rounded(1 / median(perImage(name, "cpu")))]),
    );
    for (const [ratio, { task: of, ours, theirs }] of Object.entries(RATIOS)) {
      if (of !== task || !names.includes(theirs)) continue;
      const pairs = (clock: keyof Seconds) => {
        const own = perImage(ours, clock);
        return rounds3(estimate(perImage(theirs, clock).map((seconds, i) => seconds / own[i])));
      };
      results.ratios[ratio] = pairs("cpu");
      results.ratiosOfWall[ratio] = pairs("wall");
    }
  }
  for (const [name, parts] of Object.entries(LOWEST)) {
    results.ratios[name] = lowest(results.ratios, parts);
    results.ratiosOfWall[name] = lowest(results.ratiosOfWall, parts);
  }
  return results;
}

function lowest(
  ratios: Readonly<Record<string, Estimate | null>>,
  names: readonly string[],
): Estimate | null {
  const parts = names.map((name) => ratios[name] ?? null).filter((part) => part !== null);
  if (parts.length < names.length) return null;
  return parts.reduce((least, part) => (part.median < least.median ? part : least));
}

const rounded = (value: number) => Number(value.toFixed(3));
const rounds3 = ({ median: middle, low, high }: Estimate): Estimate => ({
  median: rounded(middle),
  low: rounded(low),
  high: rounded(high),
});
