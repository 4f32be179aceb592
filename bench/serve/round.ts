// Round: the bare executor and the server in turns, once for every kind of request and number in flight. Ratios are of
// figures of one round, so that other work on the machine weighs on both sides.

import { median } from "../statistics.js";
import type { BareAnswer, BareExecutor } from "./bare-process.js";
import { cpuMsOf } from "./process-figures.js";
import { measureAlone, type Traffic } from "./traffic.js";

/** Figure → its value in each round. */
export class Figures {
  readonly #values = new Map<string, number[]>();

  note(name: string, value: number): number {
    this.#values.set(name, [...(this.#values.get(name) ?? []), value]);
    return value;
  }

  /** Median over the rounds; NaN for what was not measured. */
  of(name: string): number {
    return median(this.#values.get(name) ?? [Number.NaN]);
  }

  /** In the present round. */
  last(name: string): number {
    return this.#values.get(name)?.at(-1) ?? Number.NaN;
  }

  all(): Record<string, number> {
    return Object.fromEntries([...this.#values.keys()].map((name) => [name, this.of(name)]));
  }
}

export interface RoundOptions {
  bare: BareExecutor;
  traffic: Traffic;
  /** Of the server. */
  pid: number;
  maxBatch: number;
  /** Of each measurement. */
  seconds: number;
}

/** Requests in flight. */
export const CONCURRENCY = [1, 8, 64];
export const KINDS = ["tensors", "jpegs"] as const;

export const quantile = ({ spans }: BareAnswer, fraction: number): number => {
  const sorted = [...spans].sort((a, b) => a - b);
  return sorted[Math.ceil(fraction * sorted.length) - 1]!;
};

export async function measureRound(figures: Figures, options: RoundOptions): Promise<void> {
  const { bare, traffic, maxBatch, seconds } = options;
  const full = await bare.ask({ batch: maxBatch, seconds });
  const images = full.spans.length * maxBatch;
  const bareRate = figures.note("bare images/s", images / full.seconds);
  const batchMs = figures.note("bare batch p50", quantile(full, 0.5));
  const batchP99 = figures.note("bare batch p99", quantile(full, 0.99));
  const bareCpu = figures.note("bare cpu", full.cpuMs / images);
  const one = figures.note("bare 1 p50", quantile(await bare.ask({ batch: 1, seconds }), 0.5));
  const files = traffic.files.map((file) => Buffer.from(file).toString("base64"));
  const decode = figures.note(
    "decode p50",
    quantile(await bare.ask({ pictures: files, seconds: seconds / 2 }), 0.5),
  );
  for (const concurrency of CONCURRENCY)
    for (const kind of KINDS) await measureLevel(figures, options, kind, concurrency);
  figures.note("saturation", figures.last("tensors 64 images/s") / bareRate);
  figures.note("saturation cpu", bareCpu / figures.last("tensors 64 cpu"));
  figures.note("jpeg saturation", figures.last("jpegs 64 images/s") / bareRate);
  figures.note("added tensor", figures.last("tensors 1 p50") - one);
  figures.note("added jpeg", figures.last("jpegs 1 p50") - one - decode);
  const rate = 0.8 * figures.last("tensors 64 images/s");
  const { window } = await measureAlone(traffic.tensors, { kind: "open", rate }, 3 * seconds);
  const latencies = window.latencies();
  figures.note("at 80% p50", latencies?.p50 ?? Number.NaN);
  const p99 = figures.note("at 80% p99", latencies?.p99 ?? Number.NaN);
  figures.note("p99 at 80%", (p99 - batchMs) / batchP99);
}

async function measureLevel(
  figures: Figures,
  { traffic, pid, seconds }: RoundOptions,
  kind: (typeof KINDS)[number],
  concurrency: number,
): Promise<void> {
  const server = cpuMsOf(pid);
  const client = process.cpuUsage();
  const start = performance.now();
  const { window, answered } = await measureAlone(traffic[kind], { kind: "closed", concurrency }, seconds);
  const name = `${kind} ${concurrency}`;
  const { user, system } = process.cpuUsage(client);
  figures.note(`${name} client`, (user + system) / 1000 / (performance.now() - start));
  figures.note(`${name} cpu`, (cpuMsOf(pid) - server) / Math.max(1, answered));
  figures.note(`${name} images/s`, window.rate);
  const latencies = window.latencies();
  figures.note(`${name} p50`, latencies?.p50 ?? Number.NaN);
  figures.note(`${name} p99`, latencies?.p99 ?? Number.NaN);
  if (window.failed > 0) console.log(`${name}: failed ${JSON.stringify(window.errors())}`);
}
