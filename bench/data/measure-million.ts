// Measures how processes open an index of a million images.

import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { median } from "../statistics.js";

const SCRIPT = new URL("./million.js", import.meta.url);

export interface Opening {
  milliseconds: number;
  /** Most resident memory of the process, of which Node and the program take the larger part. */
  megabytes: number;
}

export interface Million {
  /** By a process that does nothing else. */
  open: Opening;
  /** By a data server with one decode thread, until it serves. */
  serve: Opening;
}

async function openings(mode: keyof Million, index: string, rounds: number): Promise<Opening> {
  const all: Opening[] = [];
  for (let round = 0; round < rounds; round++) {
    const child = fork(SCRIPT, [mode, index]);
    const ended = once(child, "exit");
    const opening = await Promise.race([once(child, "message"), ended]);
    await ended;
    if (typeof opening[0] !== "object" || opening[0] === null)
      throw new Error(`bench: the process that opens an index ended with status ${opening[0]}`);
    all.push(opening[0] as Opening);
  }
  const of = (key: keyof Opening): number => median(all.map((one) => one[key]));
  return { milliseconds: of("milliseconds"), megabytes: of("megabytes") };
}

/** Medians over the rounds; the index is written into the folder `work`. */
export async function measureMillion(work: string, rounds: number): Promise<Million> {
  const index = join(work, "million.index");
  const [status] = await once(fork(SCRIPT, ["write", index]), "exit");
  if (status !== 0) throw new Error(`bench: the process that writes an index ended with status ${status}`);
  return {
    open: await openings("open", index, rounds),
    serve: await openings("serve", index, rounds),
  };
}
