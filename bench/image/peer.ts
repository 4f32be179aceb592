// Contestant: holds the files in memory in a process of its own and works on a slice of them when it is told to.
//
// It says {"ready": version} once and then answers each line "JOB FROM TO" with {"wall", "cpu"} in seconds, or for the
// job `hash` with {"hashes"} of the decoded pixels. native.c and pillow.py speak the same.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Box } from "../../runtime/draw/draw.js";

export interface Entry {
  bytes: Uint8Array<ArrayBuffer>;
  crop: Box;
}

export interface Work {
  /** Each works through one file. Keys are the jobs' names. */
  jobs: Readonly<Record<string, (entry: Entry, place: number) => unknown>>;
  /** RGB pixels of the whole picture. */
  pixels(entry: Entry): Promise<Uint8Array> | Uint8Array;
}

/** Lines of the list: left top width height path. */
export function readList(path: string): Entry[] {
  const lines = readFileSync(path, "utf8").split("\n").filter(Boolean);
  return lines.map((line) => {
    const words = line.split(" ");
    const [left, top, width, height] = words.slice(0, 4).map(Number) as [number, number, number, number];
    const bytes = new Uint8Array(readFileSync(words.slice(4).join(" ")));
    return { bytes, crop: { left, top, width, height } };
  });
}

/** FNV-1a of 32 bits. */
function hash(data: Uint8Array): number {
  let state = 0x811c9dc5;
  for (const byte of data) state = Math.imul(state ^ byte, 0x01000193);
  return state >>> 0;
}

/** RGBA → RGB. */
export function withoutAlpha(data: Uint8ClampedArray | Uint8Array): Uint8Array {
  const rgb = new Uint8Array((data.length / 4) * 3);
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) {
    rgb[to] = data[from] as number;
    rgb[to + 1] = data[from + 1] as number;
    rgb[to + 2] = data[from + 2] as number;
  }
  return rgb;
}

/** Serves slices until stdin ends. Processor time is the whole process's: the garbage collector's threads count too. */
export async function serve(version: string, entries: readonly Entry[], work: Work): Promise<void> {
  say({ ready: version });
  for await (const line of createInterface({ input: process.stdin })) {
    const [job, from, to] = line.split(" ") as [string, string, string];
    const slice = entries.slice(Number(from), Number(to));
    if (job === "hash") {
      const hashes: number[] = [];
      for (const entry of slice) hashes.push(hash(await work.pixels(entry)));
      say({ hashes });
      continue;
    }
    const run = work.jobs[job];
    if (run === undefined) throw new Error(`error: no job is named ${job}`);
    const before = process.cpuUsage();
    const start = performance.now();
    for (const [place, entry] of slice.entries()) {
      const answer = run(entry, Number(from) + place);
      if (answer instanceof Promise) await answer;
    }
    const wall = (performance.now() - start) / 1e3;
    const { user, system } = process.cpuUsage(before);
    say({ wall, cpu: (user + system) / 1e6 });
  }
  process.exit(0);
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
