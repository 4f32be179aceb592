// Contest: contestants in child processes take turns, round by round, so that a busy moment of the machine hits them all.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Check } from "./peer.js";

export interface ContestantOptions {
  name: string;
  /** Program and arguments of the child. */
  command: string;
  args: readonly string[];
  env?: Readonly<Record<string, string>>;
}

export interface Result {
  name: string;
  /** Middle of all counted calls of all rounds. */
  medianMs: number;
  bestMs: number;
  calls: number;
  check: Check;
}

/** A contestant that could not take part, with the last thing it said. */
export interface Absent {
  name: string;
  reason: string;
}

export interface ContestOptions {
  rounds: number;
  /** Time of a contestant in a round; two calls are the least. */
  roundMs: number;
  /** A contestant that is there for longer, its start and its turns together, is ended. */
  limit?: Limit;
}

export interface Limit {
  ms: number;
  /** Why there is one, in the words of an `Absent`. */
  reason: string;
}

/** Thread pools of peers spin for a few milliseconds after a call; the next contestant starts when they sleep. */
const REST_MS = 40;
/** Loading a peer and its model. A debug build of none of them takes longer on a slow machine. */
const START_MS = 180_000;
/** Time to leave after the last round: a driver gives its memory back. */
const LEAVE_MS = 10_000;

/** Starts all, then lets them run in turn; every round begins with another one. */
export async function contest(
  options: readonly ContestantOptions[],
  { rounds, roundMs, limit }: ContestOptions,
): Promise<{ results: Result[]; absent: Absent[] }> {
  const absent: Absent[] = [];
  const present: Contestant[] = [];
  // One after the other: a start-up calibration must not be disturbed by the next contestant's.
  for (const each of options) {
    const contestant = new Contestant(each, limit);
    try {
      await contestant.ready();
      present.push(contestant);
    } catch (error) {
      absent.push({ name: each.name, reason: (error as Error).message });
      await contestant.end();
    }
  }
  const lost = new Set<Contestant>();
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < present.length; turn++) {
      const contestant = present[(turn + round) % present.length] as Contestant;
      if (lost.has(contestant) || contestant.isMeasured) continue;
      try {
        await contestant.round(roundMs);
      } catch (error) {
        lost.add(contestant);
        absent.push({ name: contestant.name, reason: (error as Error).message });
      }
      await delay(REST_MS);
    }
  }
  await Promise.all(present.map((contestant) => contestant.end()));
  return { results: present.filter((each) => !lost.has(each)).map((each) => each.result()), absent };
}

class Contestant {
  readonly name: string;
  /** Whether it timed calls while it made ready, and takes no part in rounds. */
  isMeasured = false;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #spans: number[] = [];
  #check: Check = [];
  readonly #gone: Promise<void>;
  readonly #timer: NodeJS.Timeout | undefined;
  #complaint = "";
  #overtime: string | undefined;

  constructor({ name, command, args, env }: ContestantOptions, limit: Limit | undefined) {
    this.name = name;
    // A group of its own, so that what it starts (compilers of PyTorch's) ends with it.
    this.#child = spawn(command, args, {
      ...{ stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...env }, detached: true },
    });
    this.#gone = new Promise((resolve) => {
      this.#child.on("close", () => resolve());
      this.#child.on("error", (error) => {
        this.#complaint = error.message;
        resolve();
      });
    });
    if (limit)
      this.#timer = setTimeout(() => {
        this.#overtime = limit.reason;
        this.#kill();
      }, limit.ms);
    this.#child.stderr?.on("data", (data: Buffer) => {
      this.#complaint = (this.#complaint + data.toString()).slice(-4000);
    });
    // A child that died closes its pipe; the reader of its lines says so.
    this.#child.stdin?.on("error", () => {});
    const input = this.#child.stdout as NodeJS.ReadableStream;
    this.#lines = createInterface({ input })[Symbol.asyncIterator]();
  }

  async ready(): Promise<void> {
    const timer = setTimeout(() => this.#kill(), START_MS);
    try {
      const { ready, spans = [] } = (await this.#message()) as { ready: Check; spans?: number[] };
      this.#check = ready;
      this.#spans.push(...spans);
      this.isMeasured = spans.length > 0;
    } finally {
      clearTimeout(timer);
    }
  }

  async round(ms: number): Promise<void> {
    this.#child.stdin?.write(`${JSON.stringify({ ms })}\n`);
    const { spans } = (await this.#message()) as { spans: number[] };
    this.#spans.push(...spans);
  }

  /** Resolves when the process is gone, so that it holds no memory of a GPU that the next one wants. */
  async end(): Promise<void> {
    clearTimeout(this.#timer);
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#kill(), LEAVE_MS);
    await this.#gone;
    clearTimeout(timer);
  }

  #kill(): void {
    const { pid } = this.#child;
    try {
      if (pid !== undefined) process.kill(-pid, "SIGKILL");
    } catch {
      this.#child.kill("SIGKILL");
    }
  }

  result(): Result {
    const sorted = this.#spans.sort((a, b) => a - b);
    const medianMs = sorted[Math.floor(sorted.length / 2)] as number;
    const { name } = this;
    return { name, medianMs, bestMs: sorted[0] as number, calls: sorted.length, check: this.#check };
  }

  /** The next line that is JSON; libraries greet on stdout too. */
  async #message(): Promise<unknown> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(this.#overtime ?? lastWords(this.#complaint));
      if (value.startsWith("{")) return JSON.parse(value);
    }
  }
}

/** The line of an error message that says most: the last one that names an error, else the last. */
function lastWords(text: string): string {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const telling = lines.findLast((line) => /error|cannot|not found/i.test(line) && !line.startsWith("at "));
  return telling ?? lines.at(-1) ?? "ended without a word";
}

// Contestants: how each peer's child process is started.

/** A compiled module of the bench; `path` from dist/bench. */
export function nodeContestant(name: string, path: string, ...args: (string | number)[]): ContestantOptions {
  const script = fileURLToPath(new URL(`../${path}`, import.meta.url));
  return { name, command: process.execPath, args: [script, ...args.map(String)] };
}

/** Where Debian's python3-torch is; the first python3 of the PATH may be another. */
const DEBIAN_PYTHON = "/usr/bin/python3";

export function torchContestant(name: string, mode: "forward" | "train", ...args: (string | number)[]) {
  const script = fileURLToPath(new URL("../../../bench/peers/deit_torch.py", import.meta.url));
  const command = existsSync(DEBIAN_PYTHON) ? DEBIAN_PYTHON : "python3";
  // OpenMP's threads of an idle contestant must not spin while another one runs.
  const env = { OMP_WAIT_POLICY: "PASSIVE", OPENBLAS_NUM_THREADS: String(args.at(-1)) };
  return { name, command, args: [script, mode, ...args.map(String)], env };
}
