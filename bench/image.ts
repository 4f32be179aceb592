// Bench of the image module: Vitrine and its peers take turns on the same files in memory, one thread each.
//
// `npm run bench -- image --photos DIR [--limit N] [--rounds 9] [--json]`. Pixels are compared before anything is timed.
// A peer that is missing leaves its ratio null, with the reason under `missing`.

import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Peer, type Peers } from "./image/comparison.js";
import { compileNative, type Inputs, sourceFile, writeInputs } from "./image/inputs.js";
import { printEqual, printHeading, printResults } from "./image/report.js";
import { LOWEST, RATIOS, timeAll } from "./image/tasks.js";
import { debianPython, openblasEnvironment } from "./peers/comparison.js";

interface Options {
  photos: string;
  limit: number;
  rounds: number;
  json: boolean;
}

function options(words: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...words],
    options: {
      photos: { type: "string" },
      limit: { type: "string", default: "10000" },
      rounds: { type: "string", default: "9" },
      json: { type: "boolean", default: false },
    },
  });
  if (values.photos === undefined)
    throw new Error("bench: image needs --photos DIR, a folder of JPEG photographs");
  const [limit, rounds] = [Number(values.limit), Number(values.rounds)];
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw new Error(`bench: --limit is "${values.limit}"; allowed: 1 or more`);
  if (!Number.isSafeInteger(rounds) || rounds < 3)
    throw new Error(`bench: --rounds is "${values.rounds}"; allowed: 3 or more, an interval needs them`);
  return { photos: values.photos, limit, rounds, json: values.json };
}

function starters(
  { photos, large }: Inputs,
  native: ReturnType<typeof compileNative>,
): Record<string, () => Peer> {
  const node = (script: string, list: string) => () =>
    new Peer(process.execPath, [fileURLToPath(new URL(`./image/${script}.js`, import.meta.url)), list]);
  const nativeOn = (list: string) => () => {
    if ("reason" in native) throw new Error(native.reason);
    return new Peer(native.program, [list]);
  };
  const oneThread = { ...openblasEnvironment(1), OMP_NUM_THREADS: "1" };
  const peers: Record<string, () => Peer> = {
    vitrine: node("vitrine", photos.list),
    native: nativeOn(photos.list),
    jsquash: node("jsquash", photos.list),
    sharp: node("sharp", photos.list),
    pillow: () => new Peer(debianPython(), [sourceFile("pillow.py"), photos.list], oneThread),
  };
  if (large === null) return peers;
  return { ...peers, vitrineLarge: node("vitrine", large.list), nativeLarge: nativeOn(large.list) };
}

/** Sequentially, so that one startup does not disturb another. */
async function startAll(starts: Record<string, () => Peer>): Promise<Peers> {
  const peers: Peers = { present: new Map(), absent: new Map() };
  for (const [name, start] of Object.entries(starts)) {
    try {
      const peer = start();
      await peer.ready();
      peers.present.set(name, peer);
    } catch (error) {
      if (name.startsWith("vitrine")) throw error;
      peers.absent.set(name, (error as Error).message);
    }
  }
  return peers;
}

export async function main(words: readonly string[]): Promise<void> {
  const { photos, limit, rounds, json } = options(words);
  const work = mkdtempSync(join(tmpdir(), "vitrine-bench-"));
  let all: Peers | undefined;
  try {
    const native = compileNative(work);
    const program = "program" in native ? native.program : null;
    const inputs = await writeInputs(photos, work, program, limit);
    for (const reason of inputs.skipped) console.log(`left out: ${reason}`);
    all = await startAll(starters(inputs, native));
    const load = printHeading(inputs, all);
    const equalPixels = await printEqual(inputs, all);
    const results = await timeAll(inputs, all, rounds);
    const { ratios, ratiosOfWall, imagesPerSecond } = results;
    const names = [...Object.keys(RATIOS), ...Object.keys(LOWEST)];
    const missing = Object.fromEntries(
      names
        .filter((name) => !ratios[name])
        .map((name) => {
          const absent = all?.absent.get(RATIOS[name]?.theirs ?? "nativeLarge");
          return [name, absent ?? "libjpeg-turbo, which makes the files, is not installed"];
        }),
    );
    printResults(results, missing);
    if (!json) return;
    const medians = Object.fromEntries(names.map((name) => [name, ratios[name]?.median ?? null]));
    const about = {
      clock: "process CPU time",
      node: process.version,
      cpu: cpus()[0]?.model,
      photos: inputs.photos.count,
      large: inputs.large?.levels.map(({ level, megabytes }) => ({ level, megabytes })) ?? [],
      rounds,
      load,
    };
    console.log(
      JSON.stringify({
        ratios: medians,
        intervals: ratios,
        ratiosOfWall,
        imagesPerSecond,
        equalPixels,
        missing,
        ...about,
      }),
    );
  } finally {
    for (const peer of all?.present.values() ?? []) peer.end();
    rmSync(work, { recursive: true, force: true });
  }
}
