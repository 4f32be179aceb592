// Ranks with faults: of a run in four processes, random ones are killed at random moments, rank 0 included, and started
// again after a random time. Some are waited for; where one stays away longer, the others go on without it. The run must
// end with the tensors of one process that computes all pieces, bit for bit.

import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../../bin/child-command.js";
import { createRankedRun, PIECES, type RankedRun } from "../trainer/ranked-run.js";
import { readMetrics, startTrainer, type TrainerProcess } from "../trainer/trainer-process.js";
import type { Chance } from "./chance.js";

const RANKS = 4;
/** Steps of a kill, and those before the first and after the last one. */
const STEPS_PER_KILL = 12;
const STEPS_AROUND = 60;
/** The first and the last step after which a rank is killed. */
const FIRST_STEP = 3;
const QUIET_STEPS = 60;
/** Rank 0 waits so many seconds for all ranks; the others wait longer for it, since it alone keeps the run. */
const WAIT_SECONDS = 6;
const WAIT_FOR_FIRST_SECONDS = 300;
/** Without a step for so long, the run hangs. */
const STANDSTILL_MS = 300_000;
/** Ranks other than 0 end so soon after it. */
const END_MS = 60_000;

const GROUP = /(\d+) ranks? from step (\d+) on/g;

/** The ranks of one run, and what became of those that are over. */
class Ranks {
  readonly #run: RankedRun;
  readonly #name: string;
  readonly #steps: number;
  readonly #place: readonly string[];
  readonly #living = new Map<number, TrainerProcess>();
  readonly #returns = new Set<Promise<void>>();
  /** Sizes of the groups that each rank 0 was in. */
  readonly #groups: number[] = [];
  readonly #over = new AbortController();
  /** Ranks that ended by themselves before the run did. */
  readonly failures: string[] = [];

  constructor(run: RankedRun, name: string, steps: number, port: number) {
    this.#run = run;
    this.#name = name;
    this.#steps = steps;
    this.#place = ["--world", `${RANKS}`, "--master", `127.0.0.1:${port}`, "--ranks-timeout", "20"];
    for (let rank = 0; rank < RANKS; rank++) this.#start(rank);
  }

  #start(rank: number): void {
    const wait = rank === 0 ? WAIT_SECONDS : WAIT_FOR_FIRST_SECONDS;
    const own = ["--rank", `${rank}`, "--wait-for-ranks", `${wait}`, "--resume-if-any"];
    const trainer = startTrainer([...this.#run.flags(this.#name, this.#steps), ...this.#place, ...own]);
    this.#living.set(rank, trainer);
    void trainer.ended.then((status) => this.#note(rank, trainer, status));
  }

  #note(rank: number, trainer: TrainerProcess, status: number | string): void {
    if (rank === 0) for (const [, size] of trainer.output().matchAll(GROUP)) this.#groups.push(Number(size));
    if (this.#living.get(rank) !== trainer) return;
    this.#living.delete(rank);
    if (rank === 0 && status === 0) this.#over.abort();
    else if (status !== 0) this.failures.push(`rank ${rank} ended with ${status}: ${trainer.errors()}`);
  }

  /** The last step in the table of the run; 0: none. */
  get step(): number {
    return Number(readMetrics(join(this.#run.folder, this.#name)).at(-1)?.step ?? 0);
  }

  get isOver(): boolean {
    return this.#over.signal.aborted || this.failures.length > 0;
  }

  /** Groups by their size, such as `31 of 4, 12 of 2`. */
  get groups(): string {
    const sizes = [...new Set(this.#groups)].sort((a, b) => b - a);
    const countOf = (size: number): number => this.#groups.filter((each) => each === size).length;
    return sizes.map((size) => `${countOf(size)} of ${size}`).join(", ");
  }

  /** Throws where the run takes no step for too long. */
  async reach(step: number): Promise<void> {
    let last = this.step;
    let movedAt = performance.now();
    while (!this.isOver && last < step) {
      await delay(20);
      const now = this.step;
      if (now !== last) movedAt = performance.now();
      else if (performance.now() - movedAt > STANDSTILL_MS)
        throw new Error(`no step after step ${now}\n${this.#texts()}`);
      last = now;
    }
  }

  #texts(): string {
    const text = ([rank, { output, errors }]: [number, TrainerProcess]): string =>
      `rank ${rank}: ${output().slice(-2000)}${errors().slice(-2000)}`;
    return [...this.#living].map(text).join("\n");
  }

  /** Kills one of those that live, or waits for one that comes back. Says which, and for how long it stays away. */
  async kill(chance: Chance): Promise<string> {
    while (this.#living.size === 0) await delay(20);
    const ranks = [...this.#living.keys()].sort();
    const rank = ranks[chance.below(ranks.length)];
    const step = this.step;
    const victim = this.#living.get(rank) as TrainerProcess;
    this.#living.delete(rank);
    victim.process.kill("SIGKILL");
    await victim.ended;
    const staysAway = rank > 0 && chance.below(2) === 1;
    const milliseconds = (staysAway ? 1000 * WAIT_SECONDS + 2000 : 0) + 100 + chance.below(2500);
    const returned = delay(milliseconds, undefined, { signal: this.#over.signal }).then(
      () => this.#start(rank),
      () => {},
    );
    this.#returns.add(returned);
    return `rank ${rank} after step ${String(step).padStart(3)}, away for ${(milliseconds / 1000).toFixed(1)} s`;
  }

  /** Resolves when all ranks have ended; those that are late are a failure. */
  async finish(): Promise<void> {
    await this.reach(Number.POSITIVE_INFINITY);
    await Promise.all(this.#returns);
    const limit = performance.now() + END_MS;
    while (this.#living.size > 0 && performance.now() < limit) await delay(50);
    for (const [rank, { errors }] of this.#living)
      this.failures.push(`rank ${rank} does not end after the run: ${errors().slice(-2000)}`);
    this.close();
  }

  close(): void {
    this.#over.abort();
    for (const { process } of this.#living.values()) process.kill("SIGKILL");
    this.#living.clear();
  }
}

/** Says a line for each kill and the verdict; resolves to whether all tensors are equal. */
export async function killRanks(
  kills: number,
  chance: Chance,
  say: (line: string) => void,
): Promise<boolean> {
  const run = await createRankedRun();
  const steps = STEPS_PER_KILL * kills + STEPS_AROUND;
  const moments = chance.moments(kills, FIRST_STEP, steps - QUIET_STEPS);
  const started = performance.now();
  let ranks: Ranks | null = null;
  try {
    await run.trainAlone("one", steps);
    say(`${steps} steps of ${PIECES} pieces in one process: ${seconds(started)} s`);
    ranks = new Ranks(run, "killed", steps, await freePort());
    let done = 0;
    for (const [at, moment] of moments.entries()) {
      // Of four kills, one may come before its step, while the ranks still recover from the kill before.
      const isEarly = at > 0 && chance.below(4) === 0;
      await Promise.race([ranks.reach(moment), ...(isEarly ? [delay(chance.below(5000))] : [])]);
      await delay(chance.below(200));
      if (ranks.isOver) break;
      say(`kill ${String(++done).padStart(2)}  ${await ranks.kill(chance)}`);
    }
    await ranks.finish();
    for (const failure of ranks.failures) say(failure);
    const [expected, found] = [run.digests("one"), run.digests("killed")];
    const isEqual = Object.entries(expected).every(([file, digest]) => found[file] === digest);
    for (const [file, digest] of Object.entries(expected))
      say(`${file.padEnd(21)}  ${digest}  ${found[file] === digest ? "equal" : `DIFFERENT: ${found[file]}`}`);
    say(
      `${done} kills, groups: ${ranks.groups}; ${seconds(started)} s; ` +
        verdictOf(ranks.failures.length, isEqual, kills - done),
    );
    return isEqual && ranks.failures.length === 0 && done === kills;
  } finally {
    ranks?.close();
    run.remove();
  }
}

function verdictOf(failures: number, isEqual: boolean, missing: number): string {
  if (failures > 0) return "RANKS FAILED";
  if (!isEqual) return "NOT EQUAL";
  return missing > 0 ? `THE RUN ENDED BEFORE ${missing} OF THE KILLS` : "everything equal";
}

const seconds = (since: number): string => ((performance.now() - since) / 1000).toFixed(0);
