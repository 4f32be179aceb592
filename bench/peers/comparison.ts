// Comparison: peers in child processes take turns, round by round, so that other load on the machine affects all of them.
// Vitrine runs as one of the peers.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Check } from "./peer.js";

/** How a peer's child process is started. */
export interface PeerCommand {
  name: string;
  command: string;
  args: readonly string[];
  /** Added to this process's environment; a variable that is undefined here is removed from it. */
  env?: Readonly<Record<string, string | undefined>>;
}

export interface Result {
  name: string;
  /** Median of all timed calls of all rounds. */
  medianMs: number;
  bestMs: number;
  calls: number;
  check: Check;
  /** What the peer says about its backend, such as the BLAS kernel it chose. */
  backend?: string;
}

/** A peer that could not take part. */
export interface Absent {
  name: string;
  /** The most telling line of its error output, or the reason of the `Limit`. */
  reason: string;
}

export interface CompareOptions {
  rounds: number;
  /** Time for one peer in one round; every round makes at least two calls. */
  roundMs: number;
  /** A peer whose process exceeds this, startup and rounds together, is killed. */
  limit?: Limit;
}

export interface Limit {
  ms: number;
  /** Reported as the reason in `Absent`. */
  reason: string;
}

/** Peers' thread pools keep spinning for a few milliseconds after a call; the next peer starts once they sleep. */
const PAUSE_MS = 40;
/** For loading a peer and its model; none takes longer even on a slow machine. */
const STARTUP_MS = 180_000;
/** For exiting after the last round: a driver frees its memory. */
const EXIT_MS = 10_000;

/** Starts all peers, then runs them in rounds; each round starts with a different peer. */
export async function compare(
  commands: readonly PeerCommand[],
  { rounds, roundMs, limit }: CompareOptions,
): Promise<{ results: Result[]; absent: Absent[] }> {
  const absent: Absent[] = [];
  const present: PeerProcess[] = [];
  // Sequentially: the next peer's startup must not disturb a calibration at startup.
  for (const command of commands) {
    const peer = new PeerProcess(command, limit);
    try {
      await peer.ready();
      present.push(peer);
    } catch (error) {
      absent.push({ name: command.name, reason: (error as Error).message });
      await peer.end();
    }
  }
  const lost = new Set<PeerProcess>();
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < present.length; turn++) {
      const peer = present[(turn + round) % present.length];
      if (lost.has(peer) || peer.isMeasured) continue;
      try {
        await peer.round(roundMs);
      } catch (error) {
        lost.add(peer);
        absent.push({ name: peer.name, reason: (error as Error).message });
      }
      await delay(PAUSE_MS);
    }
  }
  await Promise.all(present.map((peer) => peer.end()));
  return { results: present.filter((peer) => !lost.has(peer)).map((peer) => peer.result()), absent };
}

/** What a peer sends once it is ready. */
interface Ready {
  ready: Check;
  /** Times of calls that were measured during startup, in ms. */
  spans?: number[];
  backend?: string;
}

class PeerProcess {
  readonly name: string;
  /** Whether its calls were timed during startup; such a peer takes no part in the rounds. */
  isMeasured = false;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #spans: number[] = [];
  #check: Check = [];
  #backend: string | undefined;
  readonly #exited: Promise<void>;
  readonly #timer: NodeJS.Timeout | undefined;
  #errorOutput = "";
  #overtime: string | undefined;

  constructor({ name, command, args, env }: PeerCommand, limit: Limit | undefined) {
    this.name = name;
    this.#child = spawn(command, args, {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...env },
      // A process group of its own, so that what it starts (PyTorch's compilers) is killed with it.
      detached: true,
    });
    this.#exited = new Promise((resolve) => {
      this.#child.on("close", () => resolve());
      this.#child.on("error", (error) => {
        this.#errorOutput = error.message;
        resolve();
      });
    });
    if (limit)
      this.#timer = setTimeout(() => {
        this.#overtime = limit.reason;
        this.#kill();
      }, limit.ms);
    this.#child.stderr?.on("data", (data: Buffer) => {
      this.#errorOutput = (this.#errorOutput + data.toString()).slice(-4000);
    });
    // A child that died closes its pipe; the reader of its lines reports it.
    this.#child.stdin?.on("error", () => {});
    const input = this.#child.stdout as NodeJS.ReadableStream;
    this.#lines = createInterface({ input })[Symbol.asyncIterator]();
  }

  async ready(): Promise<void> {
    const timer = setTimeout(() => this.#kill(), STARTUP_MS);
    try {
      const { ready, spans = [], backend } = (await this.#message()) as Ready;
      this.#check = ready;
      this.#backend = backend;
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

  /** Resolves when the process has exited, so that it holds no GPU memory that the next peer needs. */
  async end(): Promise<void> {
    clearTimeout(this.#timer);
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#kill(), EXIT_MS);
    await this.#exited;
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
    const medianMs = sorted[Math.floor(sorted.length / 2)];
    const [bestMs] = sorted;
    const result: Result = { name: this.name, medianMs, bestMs, calls: sorted.length, check: this.#check };
    if (this.#backend !== undefined) result.backend = this.#backend;
    return result;
  }

  /** The next line that is JSON; libraries print greetings on stdout too. */
  async #message(): Promise<unknown> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(this.#overtime ?? errorLine(this.#errorOutput));
      if (value.startsWith("{")) return JSON.parse(value);
    }
  }
}

/** The most telling line of a process's error output: the last one that names an error, else the last. */
export function errorLine(output: string): string {
  const lines = output
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const isDetail = (line: string) => line.startsWith("at ") || line.startsWith("[cause]");
  const telling = lines.findLast((line) => /error|cannot|not found/i.test(line) && !isDetail(line));
  return telling ?? lines.at(-1) ?? "exited without output";
}

/** A compiled module of the bench; `path` is relative to dist/bench. */
export function nodePeer(name: string, path: string, ...args: (string | number)[]): PeerCommand {
  const script = fileURLToPath(new URL(`../${path}`, import.meta.url));
  return { name, command: process.execPath, args: [script, ...args.map(String)] };
}

/** Where Debian's python3-torch is; the first python3 of the PATH may be a different one. */
const DEBIAN_PYTHON = "/usr/bin/python3";

export const debianPython = () => (existsSync(DEBIAN_PYTHON) ? DEBIAN_PYTHON : "python3");

/**
 * Environment of a Python peer. OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE are removed: they override the kernels and block
 * sizes that OpenBLAS chooses for this CPU, often with slower ones. Without `threads` OpenBLAS uses all cores.
 */
export function openblasEnvironment(threads?: number): Record<string, string | undefined> {
  return {
    ...(threads !== undefined && { OPENBLAS_NUM_THREADS: String(threads) }),
    OPENBLAS_CORETYPE: undefined,
    OPENBLAS_L2_SIZE: undefined,
  };
}

export function torchPeer(
  name: string,
  mode: "forward" | "train",
  folder: string,
  batch: number,
  threads: number,
): PeerCommand {
  const script = fileURLToPath(new URL("../../../bench/peers/deit_torch.py", import.meta.url));
  const args = [script, mode, folder, String(batch), String(threads)];
  // OpenMP's threads of an idle peer must not spin while another peer runs.
  const env = { ...openblasEnvironment(threads), OMP_WAIT_POLICY: "PASSIVE" };
  return { name, command: debianPython(), args, env };
}
