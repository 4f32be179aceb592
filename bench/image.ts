// Bench of the image module: Vitrine and its peers on the same files in memory, one thread each, taking turns.
//
// `npm run bench -- image --photos DIR [--limit N] [--rounds 9] [--json]`. Pixels are compared before anything is timed.
// A peer that is missing leaves its ratio null, with the reason under `missing`.

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Contestant, type Field } from "./image/comparison.js";
import { compileNative, type Material, sourceFile, writeMaterial } from "./image/inputs.js";
import { printEqual, printHeading, printResults } from "./image/report.js";
import { LOWEST, RATIOS, timeAll } from "./image/tasks.js";

/** Where Debian's python3-torchvision is; the first python3 of the PATH may be another. */
const DEBIAN_PYTHON = "/usr/bin/python3";

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

function start(
  { photos, large }: Material,
  native: ReturnType<typeof compileNative>,
): Record<string, () => Contestant> {
  const node = (script: string, list: string) => () =>
    new Contestant(process.execPath, [fileURLToPath(new URL(`./image/${script}.js`, import.meta.url)), list]);
  const nativeOn = (list: string) => () => {
    if ("reason" in native) throw new Error(native.reason);
    return new Contestant(native.program, [list]);
  };
  const python = existsSync(DEBIAN_PYTHON) ? DEBIAN_PYTHON : "python3";
  const oneThread = { OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1" };
  const contestants: Record<string, () => Contestant> = {
    vitrine: node("vitrine", photos.list),
    native: nativeOn(photos.list),
    jsquash: node("jsquash", photos.list),
    sharp: node("sharp", photos.list),
    pillow: () => new Contestant(python, [sourceFile("pillow.py"), photos.list], oneThread),
  };
  if (large === null) return contestants;
  return { ...contestants, vitrineLarge: node("vitrine", large.list), nativeLarge: nativeOn(large.list) };
}

/** One after the other, so that a start-up does not disturb another. */
async function field(starts: Record<string, () => Contestant>): Promise<Field> {
  const answer: Field = { present: new Map(), absent: new Map() };
  for (const [name, begin] of Object.entries(starts)) {
    try {
      const contestant = begin();
      await contestant.ready();
      answer.present.set(name, contestant);
    } catch (error) {
      if (name.startsWith("vitrine")) throw error;
      answer.absent.set(name, (error as Error).message);
    }
  }
  return answer;
}

export async function main(words: readonly string[]): Promise<void> {
  const { photos, limit, rounds, json } = options(words);
  const work = mkdtempSync(join(tmpdir(), "vitrine-bench-"));
  let all: Field | undefined;
  try {
    const native = compileNative(work);
    const program = "program" in native ? native.program : null;
    const material = await writeMaterial(photos, work, program, limit);
    for (const reason of material.skipped) console.log(`left out: ${reason}`);
    all = await field(start(material, native));
    const load = printHeading(material, all);
    const equalPixels = await printEqual(material, all);
    const results = await timeAll(material, all, rounds);
    const { ratios, ratiosOfWall, imagesPerSecond } = results;
    const names = [...Object.keys(RATIOS), ...Object.keys(LOWEST)];
    const missing = Object.fromEntries(
      names
        .filter((name) => !ratios[name])
        .map((name) => {
          const absent = all?.absent.get(RATIOS[name]?.theirs ?? "nativeLarge");
          return [name, absent ?? "libjpeg-turbo is not here, which makes the files"];
        }),
    );
    printResults(results, missing);
    if (!json) return;
    const medians = Object.fromEntries(names.map((name) => [name, ratios[name]?.median ?? null]));
    const about = {
      clock: "process CPU time",
      node: process.version,
      cpu: cpus()[0]?.model,
      photos: material.photos.count,
      large: material.large?.levels.map(({ level, megabytes }) => ({ level, megabytes })) ?? [],
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
    for (const contestant of all?.present.values() ?? []) contestant.end();
    rmSync(work, { recursive: true, force: true });
  }
}
