// Peer: the child's side of a comparison. It holds the files in memory and works on a slice of them when asked to.
//
// It sends {"ready": version} once, then answers each line "JOB FROM TO" with {"wall", "cpu"} in seconds, or for the job
// `hash` with {"hashes"} of the decoded pixels. native.c and pillow.py implement the same protocol.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Box } from "../../runtime/draw/draw.js";

export interface Entry {
  bytes: Uint8Array<ArrayBuffer>;
  crop: Box;
}

export interface Jobs {
  /** By name; each processes one file, the `index`-th of the list. */
  jobs: Readonly<Record<string, (entry: Entry, index: number) => unknown>>;
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
    rgb[to] = data[from];
    rgb[to + 1] = data[from + 1];
    rgb[to + 2] = data[from + 2];
  }
  return rgb;
}

/** Serves slices until stdin ends. CPU time is that of the whole process, garbage collector threads included. */
export async function serve(
  version: string,
  entries: readonly Entry[],
  { jobs, pixels }: Jobs,
): Promise<void> {
  send({ ready: version });
  for await (const line of createInterface({ input: process.stdin })) {
    const [job, from, to] = line.split(" ") as [string, string, string];
    const slice = entries.slice(Number(from), Number(to));
    if (job === "hash") {
      const hashes: number[] = [];
      for (const entry of slice) hashes.push(hash(await pixels(entry)));
      send({ hashes });
      continue;
    }
    const run = jobs[job];
    if (run === undefined) throw new Error(`error: no job is named ${job}`);
    const before = process.cpuUsage();
    const start = performance.now();
    for (const [index, entry] of slice.entries()) {
      const pending = run(entry, Number(from) + index);
      if (pending instanceof Promise) await pending;
    }
    const wall = (performance.now() - start) / 1e3;
    const { user, system } = process.cpuUsage(before);
    send({ wall, cpu: (user + system) / 1e6 });
  }
  process.exit(0);
}

function send(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
