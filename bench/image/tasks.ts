// Disciplines: what is timed beside what, and the ratios that follow.

import { type Estimate, estimate, median } from "../statistics.js";
import { type Contestant, duel, type Field, type Seconds, type Turn } from "./comparison.js";
import type { Material } from "./inputs.js";

/** Ours over theirs in images/s. */
export const RATIOS: Readonly<Record<string, { discipline: string; ours: string; theirs: string }>> = {
  decodeVsNative: { discipline: "decode", ours: "vitrine", theirs: "native" },
  decodeVsJsquash: { discipline: "decode", ours: "vitrine", theirs: "jsquash" },
  decodeVsSharp: { discipline: "decode", ours: "vitrine", theirs: "sharp" },
  cropDecodeVsNative: { discipline: "cropDecode", ours: "vitrine", theirs: "native" },
  trainInputVsPillow: { discipline: "trainInput", ours: "vitrine", theirs: "pillow" },
  decode12mpPlainVsNative: { discipline: "decode12mpPlain", ours: "vitrineLarge", theirs: "nativeLarge" },
  decode12mpSmoothVsNative: { discipline: "decode12mpSmooth", ours: "vitrineLarge", theirs: "nativeLarge" },
  decode12mpNoisyVsNative: { discipline: "decode12mpNoisy", ours: "vitrineLarge", theirs: "nativeLarge" },
  scaled12mpSmoothVsNativeFull: {
    discipline: "scaled12mpSmooth",
    ours: "vitrineLarge",
    theirs: "nativeLarge",
  },
  scaled12mpNoisyVsNativeFull: { discipline: "scaled12mpNoisy", ours: "vitrineLarge", theirs: "nativeLarge" },
};

/** What is reported under one name is the lowest of these. */
export const LOWEST: Readonly<Record<string, readonly string[]>> = {
  decode12mpVsNative: ["decode12mpSmoothVsNative", "decode12mpNoisyVsNative"],
  scaled12mpVsNativeFull: ["scaled12mpSmoothVsNativeFull", "scaled12mpNoisyVsNativeFull"],
};

interface Discipline {
  /** Contestant → its job and over which files of its list. */
  jobs: Readonly<Record<string, Job>>;
  slices: number;
}

interface Job {
  job: string;
  first: number;
  count: number;
}

function disciplines({ photos: { count }, large }: Material): Record<string, Discipline> {
  const slices = Math.min(8, count);
  const decode = { job: "decode", first: 0, count };
  const crop = { job: "crop", first: 0, count };
  const train = { job: "train", first: 0, count };
  const answer: Record<string, Discipline> = {
    decode: { jobs: { vitrine: decode, native: decode, sharp: decode, jsquash: decode }, slices },
    cropDecode: { jobs: { vitrine: crop, native: crop }, slices },
    trainInput: { jobs: { vitrine: train, pillow: train }, slices },
  };
  for (const { level, first } of large?.levels ?? []) {
    const { files, crops } = large as { files: number; crops: number };
    const whole = { job: "decode", first, count: files };
    const scaled = { job: "scaled", first, count: crops };
    const name = (level[0] as string).toUpperCase() + level.slice(1);
    answer[`decode12mp${name}`] = { jobs: { vitrineLarge: whole, nativeLarge: whole }, slices: files };
    if (level !== "plain")
      answer[`scaled12mp${name}`] = { jobs: { vitrineLarge: scaled, nativeLarge: whole }, slices: files };
  }
  return answer;
}

export interface Results {
  /** From processor time; null where a contestant is missing. */
  ratios: Record<string, Estimate | null>;
  ratiosOfWall: Record<string, Estimate | null>;
  /** Discipline → contestant → images/s, median of the rounds, by processor time. */
  imagesPerSecond: Record<string, Record<string, number>>;
}

/** Runs every discipline with whoever is present. */
export async function timeAll(material: Material, { present }: Field, rounds: number): Promise<Results> {
  const results: Results = { ratios: {}, ratiosOfWall: {}, imagesPerSecond: {} };
  for (const ratio of Object.keys(RATIOS)) results.ratios[ratio] = results.ratiosOfWall[ratio] = null;
  for (const [discipline, { jobs, slices }] of Object.entries(disciplines(material))) {
    const names = Object.keys(jobs).filter((name) => present.has(name));
    const turns = names.map((name): Turn => {
      return { contestant: present.get(name) as Contestant, ...(jobs[name] as Job) };
    });
    const spent = await duel(turns, { rounds, slices });
    /** Seconds an image, one of each round. */
    const perImage = (name: string, clock: keyof Seconds) => {
      const place = names.indexOf(name);
      return (spent[place] as Seconds[]).map((each) => each[clock] / (turns[place] as Turn).count);
    };
    results.imagesPerSecond[discipline] = Object.fromEntries(
      names.map((name) => [name.replace("Large", ""), rounded(1 / median(perImage(name, "cpu")))]),
    );
    for (const [ratio, { discipline: of, ours, theirs }] of Object.entries(RATIOS)) {
      if (of !== discipline || !names.includes(theirs)) continue;
      const pairs = (clock: keyof Seconds) => {
        const own = perImage(ours, clock);
        return rounds3(estimate(perImage(theirs, clock).map((seconds, i) => seconds / (own[i] as number))));
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
