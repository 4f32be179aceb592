// A trainer as a user starts it: the real command line in a separate process, watched through its metrics.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { VITRINE } from "../data/server-process.js";

export interface TrainerProcess {
  process: ChildProcess;
  output(): string;
  errors(): string;
  /** Exit status, or the signal's name if that killed it. */
  ended: Promise<number | string>;
}

/** `within`: a command that starts another one, such as that of a host of a test. */
export function startTrainer(args: readonly string[], within: readonly string[] = []): TrainerProcess {
  const [program, ...all] = [...within, process.execPath, VITRINE, "train", "--no-report", ...args];
  const child = spawn(program, all, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  const ended = once(child, "close").then(([status, signal]) => (status ?? signal) as number | string);
  return { process: child, output: () => output, errors: () => errors, ended };
}

/** Rows of metrics.csv as objects; none before the file exists. */
export function readMetrics(run: string): Record<string, string>[] {
  const path = join(run, "metrics.csv");
  if (!existsSync(path)) return [];
  const [head = "", ...lines] = readFileSync(path, "utf8").split("\n").slice(0, -1);
  const names = head.split(",");
  return lines.map((line) => Object.fromEntries(line.split(",").map((cell, i) => [names[i], cell])));
}

/** Waits until the run has taken this many steps; fails if it ends first. */
export async function reachStep(trainer: TrainerProcess, run: string, step: number): Promise<void> {
  let ended: number | string | null = null;
  void trainer.ended.then((status) => {
    ended = status;
  });
  while (readMetrics(run).length < step) {
    if (ended !== null) throw new Error(`the trainer ended with ${ended}: ${trainer.errors()}`);
    await delay(5);
  }
}
