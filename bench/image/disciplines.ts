// Disciplines: what is timed beside what, and the ratios that follow.

import { type Contestant, duel, type Field, type Seconds, type Turn } from "./contest.js";
import type { Material } from "./material.js";
import { type Estimate, estimate, median } from "./statistics.js";

/** Ours over theirs in images/s. */
export const RATIOS: Readonly<Record<string, { discipline: string; ours: string; theirs: string }>> = {
  decodeVsNative: { discipline: "decode", ours: "vitrine", theirs: "native" },
  decodeVsJsquash: { discipline: "decode", ours: "vitrine", theirs: "jsquash" },
  decodeVsSharp: { discipline: "decode", ours: "vitrine", theirs: "sharp" },
  cropDecodeVsNative: { discipline: "cropDecode", ours: "vitrine", theirs: "native" },
  trainInputVsPillow: { discipline: "trainInput", ours: "vitrine", theirs: "pillow" },
  decode12mpVsNative: { discipline: "decode12mp", ours: "vitrineLarge", theirs: "nativeLarge" },
  scaled12mpVsNativeFull: { discipline: "scaled12mp", ours: "vitrineLarge", theirs: "nativeLarge" },
};

interface Discipline {
  /** Contestant → its job and over how many files of its list. */
  jobs: Readonly<Record<string, { job: string; count: number }>>;
  slices: number;
}

function disciplines({ photos: { count }, large }: Material): Record<string, Discipline> {
  const slices = Math.min(8, count);
  const decode = { job: "decode", count };
  const crop = { job: "crop", count };
  const train = { job: "train", count };
  const small: Record<string, Discipline> = {
    decode: { jobs: { vitrine: decode, native: decode, sharp: decode, jsquash: decode }, slices },
    cropDecode: { jobs: { vitrine: crop, native: crop }, slices },
    trainInput: { jobs: { vitrine: train, pillow: train }, slices },
  };
  if (large === null) return small;
  const whole = { job: "decode", count: large.files };
  const scaled = { job: "scaled", count: large.crops };
  return {
    ...small,
    decode12mp: { jobs: { vitrineLarge: whole, nativeLarge: whole }, slices: large.files },
    scaled12mp: { jobs: { vitrineLarge: scaled, nativeLarge: whole }, slices: large.files },
  };
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
      const { job, count } = jobs[name] as { job: string; count: number };
      return { contestant: present.get(name) as Contestant, job, count };
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
  return results;
}

const rounded = (value: number) => Number(value.toFixed(3));
const rounds3 = ({ median: middle, low, high }: Estimate): Estimate => ({
  median: rounded(middle),
  low: rounded(low),
  high: rounded(high),
});
