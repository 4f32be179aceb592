// Comparison: peers in child processes take turns on the same slice of files, so that other load on the machine affects all
// of them.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { errorLine } from "../peers/comparison.js";

/** Seconds of one round, summed over its slices. */
export interface Seconds {
  cpu: number;
  wall: number;
}

export class Peer {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #errorOutput = "";
  /** Library and version. */
  version = "";

  constructor(
    command: string,
    args: readonly string[],
    env: Readonly<Record<string, string | undefined>> = {},
  ) {
    this.#child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...env } });
    this.#child.on("error", (error) => {
      this.#errorOutput = error.message;
    });
    this.#child.stderr?.on("data", (data: Buffer) => {
      this.#errorOutput = (this.#errorOutput + data.toString()).slice(-4000);
    });
    // A child that died closes its pipe; the reader of its lines reports it.
    this.#child.stdin?.on("error", () => {});
    const input = this.#child.stdout as NodeJS.ReadableStream;
    this.#lines = createInterface({ input })[Symbol.asyncIterator]();
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

  /** The next line that is JSON; throws the most telling line of the child's error output if it died. */
  async #answer(): Promise<unknown> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(errorLine(this.#errorOutput));
      if (value.startsWith("{")) return JSON.parse(value);
    }
  }
}

/** Peers by name, and why others could not take part. */
export interface Peers {
  present: Map<string, Peer>;
  absent: Map<string, string>;
}

/** What one peer does in a comparison: a job on `count` files of its list, from `first` on, in each round. */
export interface Assignment {
  peer: Peer;
  job: string;
  first: number;
  count: number;
}

export interface RoundOptions {
  rounds: number;
  /** Slices that a round is cut into; which peer goes first rotates from slice to slice. */
  slices: number;
}

/** One uncounted round, then `rounds`. Returns the seconds of each assignment's rounds, in the order of `assignments`. */
export async function runRounds(
  assignments: readonly Assignment[],
  { rounds, slices }: RoundOptions,
): Promise<Seconds[][]> {
  const spent: Seconds[][] = assignments.map(() => []);
  for (let round = -1; round < rounds; round++) {
    const sums = assignments.map(() => ({ cpu: 0, wall: 0 }));
    for (let slice = 0; slice < slices; slice++) {
      for (let i = 0; i < assignments.length; i++) {
        const turn = (i + slice + round + 1) % assignments.length;
        const { peer, job, first, count } = assignments[turn];
        const boundary = (part: number) => first + Math.floor((part * count) / slices);
        const { cpu, wall } = await peer.run(job, boundary(slice), boundary(slice + 1));
        sums[turn].cpu += cpu;
        sums[turn].wall += wall;
      }
    }
    if (round >= 0) for (const [i, sum] of sums.entries()) spent[i].push(sum);
  }
  return spent;
}
