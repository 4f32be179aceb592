// Bench of the collective: an all-reduce of two ranks compared with bare grpc-js streams of as many bytes in both directions
// between two processes, in bytes/s and in CPU time; and DeiT-Tiny trained by two ranks of one thread, compared with one
// process of two threads.
//
// `npm run bench -- collective [--rounds 9] [--json]`. All processes stay; those that are compared take turns.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import type { StepTrace } from "../trainer/ranks/ranked-training.js";
import { type Estimate, estimate, median } from "./statistics.js";

/** Gradients of DeiT-Ti (5.7 million) and DeiT-S (22 million) in float32. */
const SIZES = [23_000_000, 88_000_000];
const KINDS = ["reduce", "bare"] as const;
type Kind = (typeof KINDS)[number];
const WARM_UP = 3;

interface Figures {
  megabytesPerSecond: number;
  /** CPU seconds of both processes a megabyte of the gradient, which travels once in each direction. */
  cpuPerMegabyte: number;
}

async function nextOf<Report>(child: ChildProcess): Promise<Report> {
  const exit = new AbortController();
  const ended = once(child, "exit", { signal: exit.signal }).then(([status]) => {
    throw new Error(`bench: a process ended with status ${status}`);
  });
  ended.catch(() => {});
  try {
    const [report] = (await Promise.race([once(child, "message"), ended])) as [Report];
    return report;
  } finally {
    exit.abort();
  }
}

async function startPair(kind: Kind | "ranks"): Promise<ChildProcess[]> {
  const file = kind === "ranks" ? "training" : "peer";
  const script = new URL(`./collective/${file}-process.js`, import.meta.url);
  const pair = ["0", "1"].map((rank) => fork(script, [kind, rank]));
  const addresses = await Promise.all(pair.map((child) => nextOf<{ address: string }>(child)));
  const ready = pair.map((child) => nextOf(child));
  for (const [rank, child] of pair.entries())
    child.send(addresses[1 - rank].address ? addresses[1 - rank] : addresses[rank]);
  await Promise.all(ready);
  return pair;
}

async function measure(pair: readonly ChildProcess[], bytes: number): Promise<Figures> {
  const reports = pair.map((child) => nextOf<{ seconds: number; microseconds: number }>(child));
  for (const child of pair) child.send({ bytes });
  const both = await Promise.all(reports);
  const seconds = Math.max(...both.map((report) => report.seconds));
  const cpuSeconds = both.reduce((sum, { microseconds }) => sum + microseconds, 0) / 1e6;
  return { megabytesPerSecond: bytes / 1e6 / seconds, cpuPerMegabyte: cpuSeconds / (bytes / 1e6) };
}

interface Comparison {
  megabytes: number;
  reduce: Figures;
  bare: Figures;
  ratio: Estimate;
}

const medianOf = (figures: readonly Figures[]): Figures => ({
  megabytesPerSecond: median(figures.map(({ megabytesPerSecond }) => megabytesPerSecond)),
  cpuPerMegabyte: median(figures.map(({ cpuPerMegabyte }) => cpuPerMegabyte)),
});

async function compare(
  pairs: Readonly<Record<Kind, ChildProcess[]>>,
  bytes: number,
  rounds: number,
): Promise<Comparison> {
  const figures: Record<Kind, Figures[]> = { reduce: [], bare: [] };
  for (let round = -WARM_UP; round < rounds; round++)
    for (const kind of round % 2 === 0 ? KINDS : KINDS.toReversed()) {
      const measured = await measure(pairs[kind], bytes);
      if (round >= 0) figures[kind].push(measured);
    }
  const ratios = figures.reduce.map(
    ({ megabytesPerSecond }, round) => megabytesPerSecond / figures.bare[round].megabytesPerSecond,
  );
  return {
    megabytes: bytes / 1e6,
    reduce: medianOf(figures.reduce),
    bare: medianOf(figures.bare),
    ratio: estimate(ratios),
  };
}

function print({ megabytes, reduce, bare, ratio }: Comparison): void {
  const line = (name: string, { megabytesPerSecond, cpuPerMegabyte }: Figures): string =>
    `${name.padEnd(18)}${megabytesPerSecond.toFixed(0).padStart(6)}${(1000 * cpuPerMegabyte).toFixed(2).padStart(14)}`;
  console.log(`${megabytes} MB          MB/s  CPU ms a MB`);
  console.log(line("all-reduce", reduce));
  console.log(line("bare streams", bare));
  console.log(
    `all-reduce to bare: ${ratio.median.toFixed(2)} (${ratio.low.toFixed(2)} … ${ratio.high.toFixed(2)})`,
  );
}

const STEPS = 3;
const TRAINING_ROUNDS = 5;

interface TrainingReport {
  seconds: number;
  images: number;
  /** Of the last step of a rank. */
  trace?: StepTrace;
}

async function speedOf(processes: readonly ChildProcess[]): Promise<{ speed: number; trace?: StepTrace }> {
  const reports = processes.map((child) => nextOf<TrainingReport>(child));
  for (const child of processes) child.send({ steps: STEPS });
  const all = await Promise.all(reports);
  const speed = all[0].images / Math.max(...all.map(({ seconds }) => seconds));
  return { speed, ...(all[0].trace && { trace: all[0].trace }) };
}

/** Which part of the gradient was on its way, or summed, while the backward pass still computed. */
function printTrace({ computedMs, summedMs, buckets }: StepTrace): number {
  const values = buckets.at(-1)?.end ?? 0;
  for (const { first, end, sentMs, summedMs: summed } of buckets) {
    const size = ((4 * (end - first)) / 1e6).toFixed(1).padStart(5);
    console.log(
      `${size} MB  sent at ${sentMs.toFixed(0).padStart(5)} ms, summed at ${summed.toFixed(0).padStart(5)} ms`,
    );
  }
  const early = buckets.filter(({ summedMs: summed }) => summed < computedMs);
  const fraction = early.reduce((sum, { first, end }) => sum + end - first, 0) / values;
  console.log(`computed at ${computedMs.toFixed(0)} ms, all summed at ${summedMs.toFixed(0)} ms`);
  return fraction;
}

/** Images a second of two ranks of one thread, to those of one process of two threads. */
async function compareTraining(): Promise<{ ratio: Estimate; overlapped: number }> {
  const alone = fork(new URL("./collective/training-process.js", import.meta.url), ["alone", "0"]);
  const processes: ChildProcess[] = [alone];
  try {
    await nextOf(alone);
    const ranks = await startPair("ranks");
    processes.push(...ranks);
    const ratios: number[] = [];
    let trace: StepTrace | undefined;
    for (let round = -1; round < TRAINING_ROUNDS; round++) {
      const [both, one] = [await speedOf(ranks), await speedOf([alone])];
      trace = both.trace;
      if (round >= 0) ratios.push(both.speed / one.speed);
    }
    return { ratio: estimate(ratios), overlapped: trace ? printTrace(trace) : 0 };
  } finally {
    for (const child of processes) child.kill("SIGKILL");
  }
}

export async function main(words: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...words],
    options: { rounds: { type: "string", default: "9" }, json: { type: "boolean", default: false } },
  });
  const rounds = Number(values.rounds);
  if (!Number.isSafeInteger(rounds) || rounds < 1)
    throw new Error(`bench: --rounds is "${values.rounds}"; allowed: 1 or more`);
  const pairs = { reduce: await startPair("reduce"), bare: await startPair("bare") };
  try {
    const comparisons: Comparison[] = [];
    for (const bytes of SIZES) {
      const comparison = await compare(pairs, bytes, rounds);
      comparisons.push(comparison);
      print(comparison);
    }
    const { ratio: training, overlapped } = await compareTraining();
    const range = `${training.low.toFixed(2)} … ${training.high.toFixed(2)}`;
    console.log(`two ranks to two threads, images a second: ${training.median.toFixed(2)} (${range})`);
    console.log(`summed while the backward pass computed: ${(100 * overlapped).toFixed(0)}% of the gradient`);
    const [small, large] = comparisons;
    const ratios = {
      allReduce23VsBare: small.ratio.median,
      allReduce88VsBare: large.ratio.median,
      twoRanksVsTwoThreads: training.median,
    };
    if (values.json) console.log(JSON.stringify({ node: process.version, comparisons, overlapped, ratios }));
  } finally {
    for (const child of [...pairs.reduce, ...pairs.bare]) child.kill("SIGKILL");
  }
}
