// Contest: contestants in child processes work through the same slice of files one after the other, so that a busy
// moment of the machine hits them all.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** Seconds of one round, all slices together. */
export interface Seconds {
  cpu: number;
  wall: number;
}

export class Contestant {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #complaint = "";
  /** What it runs: library and version. */
  version = "";

  constructor(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...env } });
    this.#child.on("error", (error) => {
      this.#complaint = error.message;
    });
    this.#child.stderr?.on("data", (data: Buffer) => {
      this.#complaint = (this.#complaint + data.toString()).slice(-4000);
    });
    // A child that died closes its pipe; the reader of its lines says so.
    this.#child.stdin?.on("error", () => {});
    this.#lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })[
      Symbol.asyncIterator
    ]();
  }

  async ready(): Promise<void> {
    ({ ready: this.version } = (await this.#answer()) as { ready: string });
  }

  async run(job: string, from: number, to: number): Promise<Seconds> {
    this.#child.stdin?.write(`${job} ${from} ${to}\n`);
    return (await this.#answer()) as Seconds;
  }

  /** Hashes of the decoded pixels of files `from` … `to` − 1. */
  async hashes(from: number, to: number): Promise<number[]> {
    this.#child.stdin?.write(`hash ${from} ${to}\n`);
    return ((await this.#answer()) as { hashes: number[] }).hashes;
  }

  end(): void {
    this.#child.stdin?.end();
  }

  /** The next line that is JSON; throws with the child's last words where it died. */
  async #answer(): Promise<unknown> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(lastWords(this.#complaint));
      if (value.startsWith("{")) return JSON.parse(value);
    }
  }
}

/** Contestants by name, and why others could not take part. */
export interface Field {
  present: Map<string, Contestant>;
  absent: Map<string, string>;
}

/** The line that says most: the last that names an error. */
function lastWords(text: string): string {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const telling = lines.findLast((line) => /error|cannot|not found/i.test(line) && !line.startsWith("at "));
  return telling ?? lines.at(-1) ?? "ended without a word";
}

/** What one contestant does in a duel; the files of a round are `count` of its list from `first` on. */
export interface Turn {
  contestant: Contestant;
  job: string;
  first: number;
  count: number;
}

export interface DuelOptions {
  rounds: number;
  /** Slices that a round is cut into; the first to work rotates from slice to slice. */
  slices: number;
}

/** One uncounted round, then `rounds`; answers the seconds of each turn's rounds, in the order of `turns`. */
export async function duel(turns: readonly Turn[], { rounds, slices }: DuelOptions): Promise<Seconds[][]> {
  const spent: Seconds[][] = turns.map(() => []);
  for (let round = -1; round < rounds; round++) {
    const sums = turns.map(() => ({ cpu: 0, wall: 0 }));
    for (let slice = 0; slice < slices; slice++) {
      for (let i = 0; i < turns.length; i++) {
        const place = (i + slice + round + 1) % turns.length;
        const { contestant, job, first, count } = turns[place] as Turn;
        const cut = (part: number) => first + Math.floor((part * count) / slices);
        const { cpu, wall } = await contestant.run(job, cut(slice), cut(slice + 1));
        const sum = sums[place] as Seconds;
        sum.cpu += cpu;
        sum.wall += wall;
      }
    }
    if (round >= 0) for (const [i, sum] of sums.entries()) (spent[i] as Seconds[]).push(sum);
  }
  return spent;
}
