// Bench of one decode thread over many images: how its memory develops over a long training run.
//
// `npm run bench -- worker --photos DIR [--images 20000] [--json]`. A pipeline with one worker thread makes batches with
// DeiT's recipe, epoch after epoch over the files of a folder, and nothing consumes them. Resident memory is that of the
// whole process: the worker, its image module and the batches in flight.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { DEIT_RECIPE } from "../runtime/draw/recipe.js";
import { openDataset } from "../server/data/open-dataset.js";
import { openPipeline } from "../server/data/pipeline.js";
import { median } from "./statistics.js";

const BATCH_SIZE = 50;
/** After these, tables, regions and caches have reached their size, and V8 has compiled the hot functions. */
const WARM_UP_IMAGES = 500;
const MIB = 2 ** 20;

interface Options {
  photos: string;
  images: number;
  json: boolean;
}

function options(words: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...words],
    options: {
      photos: { type: "string" },
      images: { type: "string", default: "20000" },
      json: { type: "boolean", default: false },
    },
  });
  if (values.photos === undefined)
    throw new Error("bench: worker needs --photos DIR, a folder of JPEG photographs");
  const images = Number(values.images);
  if (!Number.isSafeInteger(images) || images < 10 * WARM_UP_IMAGES)
    throw new Error(`bench: --images is "${values.images}"; allowed: ${10 * WARM_UP_IMAGES} or more`);
  return { photos: values.photos, images, json: values.json };
}

/** Writes a list of the folder's files, all of one class. */
function writeList(photos: string, work: string): string {
  const names = readdirSync(photos).filter((name) => /\.jpe?g$/i.test(name));
  const rows = names.sort().map((name) => `"${resolve(photos, name).replaceAll('"', '""')}",0`);
  const list = join(work, "photos.csv");
  writeFileSync(list, `path,label\n${rows.join("\n")}\n`);
  return list;
}

interface Measured {
  images: number;
  skipped: number;
  seconds: number;
  /** Resident memory after each 500 images, MiB. */
  residentMiB: number[];
}

async function measure(list: string, images: number): Promise<Measured> {
  let skipped = 0;
  const source = await openPipeline({
    dataset: await openDataset(list),
    recipe: DEIT_RECIPE,
    batchSize: BATCH_SIZE,
    seed: 0,
    workers: 1,
    badSamples: "skip",
    onSkipped: () => skipped++,
  });
  const residentMiB: number[] = [];
  let made = 0;
  const start = performance.now();
  try {
    for (let epoch = 0; made < images; epoch++) {
      for await (const { count } of source.batches({ epoch, batch: 0 })) {
        made += count;
        if (made % WARM_UP_IMAGES === 0) residentMiB.push(process.memoryUsage.rss() / MIB);
        if (made >= images) break;
      }
    }
  } finally {
    await source.close();
  }
  return { images: made, skipped, seconds: (performance.now() - start) / 1000, residentMiB };
}

export async function main(words: readonly string[]): Promise<void> {
  const { photos, images, json } = options(words);
  const work = mkdtempSync(join(tmpdir(), "vitrine-bench-"));
  try {
    const { residentMiB, skipped, seconds, ...rest } = await measure(writeList(photos, work), images);
    const tenth = Math.ceil(residentMiB.length / 10);
    const figures = {
      ...rest,
      skipped,
      imagesPerSecond: Math.round(rest.images / seconds),
      residentMiB: {
        after500: Math.round(residentMiB[0]),
        firstTenth: Math.round(median(residentMiB.slice(0, tenth))),
        lastTenth: Math.round(median(residentMiB.slice(-tenth))),
        highest: Math.round(Math.max(...residentMiB)),
      },
    };
    const memory = figures.residentMiB;
    console.log(`${figures.images} images, ${skipped} skipped, ${figures.imagesPerSecond} images/s`);
    console.log(
      `resident: ${memory.after500} MiB after 500, ${memory.firstTenth} in the first tenth, ${memory.lastTenth} in the last, ${memory.highest} at most`,
    );
    if (json) console.log(JSON.stringify({ node: process.version, ...figures }));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
