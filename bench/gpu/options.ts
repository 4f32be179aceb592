// Options of the GPU bench.

import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { wholeNumber } from "../../bin/options.js";
import type { Mode } from "./plan.js";

export interface GpuOptions {
  adapter?: string;
  models: string;
  modes: string;
  batches?: string;
  tiers?: string;
  peers: string;
  rounds: number;
  roundMs: number;
  stepsPerCall: number;
  rowSeconds: number;
  maxSeconds?: number;
  python?: string;
  torchDevice: string;
  reference: string;
  parity: boolean;
  out: string;
  json?: boolean;
}

/** Defaults of --batches. */
export const BATCHES: Readonly<Record<Mode, string>> = { forward: "1,8,64,256", train: "8,64,128" };
/** This file runs in dist/bench/gpu/. */
const fromRoot = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

export function gpuOptions(words: readonly string[]): GpuOptions {
  const positive = (flag: string) => wholeNumber(flag, { min: 1 });
  return new Command("gpu")
    .option("--adapter <name>", "name or index of the adapter (default: the first hardware one)")
    .option("--models <list>", "tiny, small, base", "small,tiny,base")
    .option("--modes <list>", "forward, train", "train,forward")
    .option(
      "--batches <list>",
      `for every mode (default: forward ${BATCHES.forward}, train ${BATCHES.train})`,
    )
    .option("--tiers <list>", "our tiers (default: all that the adapter offers)")
    .option("--peers <list>", "pytorch, tfjs, or none", "pytorch,tfjs")
    .option("--rounds <n>", "rounds of each peer", positive("--rounds"), 3)
    .option("--round-ms <ms>", "time of a round in ms", positive("--round-ms"), 2000)
    .option(
      "--steps-per-call <n>",
      "steps submitted without waiting in between",
      positive("--steps-per-call"),
      8,
    )
    .option("--row-seconds <s>", "a peer that takes longer is stopped", positive("--row-seconds"), 120)
    .option(
      "--max-seconds <s>",
      "no row is started after this, and the running one is stopped",
      positive("--max-seconds"),
    )
    .option("--python <path>", "interpreter with torch (default: python3, then /usr/bin/python3)")
    .option("--torch-device <device>", "PyTorch's device", "cuda")
    .option("--reference <folder>", "fixtures of parity", fromRoot("test/fixtures/micro"))
    .option("--no-parity", "skip parity")
    .option("--out <folder>", "where gpu.json and gpu.md are written", fromRoot("bench/results"))
    .option("--json", "end with one line of JSON")
    .parse([...words], { from: "user" })
    .opts<GpuOptions>();
}
