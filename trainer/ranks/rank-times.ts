// Rank times: how long each rank of a run computes, exchanges and does the rest of a step, in RUN/ranks.csv, and a line about
// one that the others wait for.

import { appendFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Milliseconds of a rank's step. */
export interface RankTimes {
  /** Forward and backward passes of its pieces. */
  compute: number;
  /** From the end of that to the sum of all gradients: what is left to send and receive, and the wait for other ranks. */
  exchange: number;
  /** From the step before to the begin of this one: data, teacher, optimizer, validation. */
  rest: number;
}

export const RANK_TIMES: readonly (keyof RankTimes)[] = ["compute", "exchange", "rest"];

/** What is told of each step: its number and the times of every rank, in their order. */
export type OnRankTimes = (step: number, ranks: readonly RankTimes[]) => void;

const RANKS_FILE = "ranks.csv";
const HEAD = "step,rank,compute_ms,exchange_ms,rest_ms\n";

/** Steps over which a rank must be slower than the others before it is worth a line. */
const STEPS = 20;
/** Times the median of the others. */
const SLOW = 1.3;

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** The rank that computes longest, and how many times as long as the median of the others; null: none is much slower. */
export function slowRank(compute: readonly number[]): { rank: number; times: number } | null {
  if (compute.length < 2) return null;
  const longest = Math.max(...compute);
  const rank = compute.indexOf(longest);
  const times = longest / median(compute.filter((_, at) => at !== rank));
  return times > SLOW ? { rank, times } : null;
}

/**
 * Writes RUN/ranks.csv and says once for each group which rank is slow. Rows are lost, not the run, where the file cannot be
 * written: a full disk stops the run at its next checkpoint.
 */
export function recordRankTimes(folder: string, say: (line: string) => void): OnRankTimes {
  const path = join(folder, RANKS_FILE);
  let writing = writeFile(path, HEAD, { flag: "wx" }).catch(() => {});
  let sums: number[] = [];
  let steps = 0;
  return (step, ranks) => {
    const cells = ({ compute, exchange, rest }: RankTimes) =>
      [compute, exchange, rest].map((value) => value.toFixed(1)).join(",");
    const rows = ranks.map((times, rank) => `${step},${rank},${cells(times)}\n`).join("");
    writing = writing.then(() => appendFile(path, rows)).catch(() => {});
    if (sums.length !== ranks.length) [sums, steps] = [ranks.map(() => 0), 0];
    for (const [rank, { compute }] of ranks.entries()) sums[rank] += compute;
    if (++steps !== STEPS) return;
    const slow = slowRank(sums);
    if (slow)
      say(
        `rank ${slow.rank} computes ${slow.times.toFixed(1)} times as long as the others, which wait for it (${RANKS_FILE})`,
      );
  };
}
