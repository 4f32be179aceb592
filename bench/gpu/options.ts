// Options of the GPU bench.

import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { wholeNumber } from "../../bin/number-option.js";
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

/** Where --batches does not say. */
export const BATCHES: Readonly<Record<Mode, string>> = { forward: "1,8,64,256", train: "8,64,128" };
/** From dist/bench/gpu. */
const fromRoot = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

export function gpuOptions(words: readonly string[]): GpuOptions {
  const positive = (flag: string) => wholeNumber(flag, { min: 1 });
  return new Command("gpu")
    .option("--adapter <name>", "name or place of the adapter (else the first hardware one)")
    .option("--models <list>", "tiny, small, base", "small,tiny,base")
    .option("--modes <list>", "forward, train", "train,forward")
    .option("--batches <list>", `for every mode (else ${BATCHES.forward} and ${BATCHES.train})`)
    .option("--tiers <list>", "tiers of ours (else every one that the adapter offers)")
    .option("--peers <list>", "pytorch, tfjs, or none", "pytorch,tfjs")
    .option("--rounds <n>", "rounds of each contestant", positive("--rounds"), 3)
    .option("--round-ms <ms>", "time of a round", positive("--round-ms"), 2000)
    .option("--steps-per-call <n>", "steps submitted behind each other", positive("--steps-per-call"), 8)
    .option("--row-seconds <s>", "a contestant that takes longer is ended", positive("--row-seconds"), 120)
    .option(
      "--max-seconds <s>",
      "no row is begun afterward, the last one is ended",
      positive("--max-seconds"),
    )
    .option("--python <path>", "interpreter with torch (else python3, then /usr/bin/python3)")
    .option("--torch-device <device>", "where PyTorch computes", "cuda")
    .option("--reference <folder>", "what parity compares with", fromRoot("test/fixtures/micro"))
    .option("--no-parity", "leave parity out")
    .option("--out <folder>", "where gpu.json and gpu.md are written", fromRoot("bench/results"))
    .option("--json", "end with one line of JSON")
    .parse([...words], { from: "user" })
    .opts<GpuOptions>();
}
