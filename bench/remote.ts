// Bench of remote samples: images/s of the decode pool from an object store that answers after a latency, compared with the
// same pictures as local files.
//
// `npm run bench -- remote [--latency 30] [--workers 2] [--reads 24] [--rounds 5] [--json]`. The pictures are drawn: 500×375
// pixels, about 100 kB. Each round measures local files, a store that answers at once (near), one that answers after the
// latency (far), and one whose answers are in a cache; ratios are medians over the rounds. The stores are processes of this
// machine, which compete for its cores: far to near says what the latency costs, near to local what the requests cost.

import { fork } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { encodeJpeg } from "../bin/image/write-picture.js";
import type { MixDraw } from "../runtime/draw/draw.js";
import { DEIT_RECIPE } from "../runtime/draw/recipe.js";
import { openDecodePool } from "../server/data/decode-pool.js";
import type { DecodePool } from "../server/data/decode-task.js";
import type { RemoteSettings } from "../server/data/remote/contract.js";
import { fileLocation, type SampleLocation } from "../server/data/sample-location.js";
import { median } from "./statistics.js";

const PICTURES = 64;
const WIDTH = 500;
const HEIGHT = 375;
const NO_MIX: MixDraw = { kind: "none", lambda: 1, box: null };
/** Images of a measurement. */
const IMAGES = 1024;

/** Smooth color and noise: about as many bytes a pixel as a photograph. */
function drawPicture(number: number): Promise<Uint8Array> {
  const data = new Uint8Array(WIDTH * HEIGHT * 4).fill(255);
  let state = number + 1;
  for (let i = 0; i < WIDTH * HEIGHT; i++) {
    const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)];
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const noise = (state >>> 26) - 32;
    data[4 * i] = 128 + 100 * Math.sin(x / (20 + number)) + noise;
    data[4 * i + 1] = 128 + 100 * Math.cos(y / 30) + noise;
    data[4 * i + 2] = ((x + y + number * 9) & 255) + noise;
  }
  return encodeJpeg({ width: WIDTH, height: HEIGHT, data }, 85);
}

interface Located {
  local: SampleLocation[];
  ranges: { offset: number; length: number }[];
  shard: string;
  bytes: number;
}

async function writePictures(folder: string): Promise<Located> {
  const shard = join(folder, "shard.bin");
  const file = openSync(shard, "w");
  const local: SampleLocation[] = [];
  const ranges: Located["ranges"] = [];
  let offset = 0;
  for (let i = 0; i < PICTURES; i++) {
    const picture = await drawPicture(i);
    const path = join(folder, `${i}.jpg`);
    writeFileSync(path, picture);
    writeSync(file, picture);
    local.push(fileLocation(path));
    ranges.push({ offset, length: picture.length });
    offset += picture.length;
  }
  closeSync(file);
  return { local, ranges, shard, bytes: offset };
}

interface Rate {
  imagesPerSecond: number;
  /** CPU milliseconds of this process, all its threads, an image. */
  cpuMs: number;
}

/** Runs the pool with DeiT's recipe. */
async function measure(
  pool: DecodePool,
  locations: readonly SampleLocation[],
  images: number,
): Promise<Rate> {
  const { size } = DEIT_RECIPE;
  const pixels = pool.allocate(2 * size * size * 3);
  const { signal } = new AbortController();
  const before = process.cpuUsage();
  const start = performance.now();
  await Promise.all(
    Array.from({ length: images / 2 }, (_, pair) => {
      const samples = [0, 1].map((place) => {
        const index = 2 * pair + place;
        const location = locations[(index * 29) % locations.length];
        return {
          location,
          key: { seed: 1, epoch: 0, index, repeat: 0 },
          place,
          mix: NO_MIX,
        };
      });
      return pool.run({ kind: "training", samples, recipe: DEIT_RECIPE }, pixels, signal);
    }),
  );
  const imagesPerSecond = (1000 * images) / (performance.now() - start);
  const { user, system } = process.cpuUsage(before);
  return { imagesPerSecond, cpuMs: (user + system) / 1000 / images };
}

async function measureOnce(
  workers: number,
  settings: RemoteSettings,
  locations: readonly SampleLocation[],
): Promise<Rate> {
  const { pool } = await openDecodePool(workers, settings);
  try {
    await measure(pool, locations, 2 * PICTURES);
    return await measure(pool, locations, IMAGES);
  } finally {
    await pool.close();
  }
}

export async function main(words: readonly string[]): Promise<void> {
  const number = (value: string): number => Number(value);
  const { values } = parseArgs({
    args: [...words],
    options: {
      latency: { type: "string", default: "30" },
      workers: { type: "string", default: "2" },
      reads: { type: "string", default: "24" },
      rounds: { type: "string", default: "5" },
      json: { type: "boolean", default: false },
    },
  });
  const [workers, readsPerWorker, rounds] = [values.workers, values.reads, values.rounds].map(number);
  const folder = mkdtempSync(join(tmpdir(), "vitrine-bench-remote-"));
  const located = await writePictures(folder);
  const script = fileURLToPath(new URL("./remote/object-process.js", import.meta.url));
  const stores = ["0", values.latency].map((latency) => fork(script, [located.shard, latency]));
  try {
    const [near, far] = await Promise.all(
      stores.map(async (store) => {
        const [port] = (await once(store, "message")) as [number];
        const file = `http://127.0.0.1:${port}/shard.bin`;
        return located.ranges.map((range, i) => ({
          file,
          name: `${i}`,
          ...range,
          expected: { bytes: located.bytes },
        }));
      }),
    );
    const cache = { folder: join(folder, "cache"), bytes: 2 ** 30 };
    const kinds: [name: string, settings: RemoteSettings, locations: readonly SampleLocation[]][] = [
      ["local", { readsPerWorker }, located.local],
      ["near", { readsPerWorker }, near],
      ["far", { readsPerWorker }, far],
      ["cached", { readsPerWorker, cache }, far],
    ];
    const rates: Record<string, Rate[]> = {};
    for (let round = 0; round < rounds; round++)
      for (const [name, settings, locations] of kinds) {
        rates[name] ??= [];
        rates[name].push(await measureOnce(workers, settings, locations));
      }
    const ratios = Object.fromEntries(
      kinds.map(([name]) => [
        name,
        median(
          rates[name].map(
            ({ imagesPerSecond }, round) => imagesPerSecond / rates.local[round].imagesPerSecond,
          ),
        ),
      ]),
    );
    console.log(
      `${workers} workers, ${values.latency} ms latency, ${readsPerWorker} reads a worker, ${rounds} rounds`,
    );
    for (const [name] of kinds) {
      const rate = median(rates[name].map(({ imagesPerSecond }) => imagesPerSecond)).toFixed(0);
      const cpu = median(rates[name].map(({ cpuMs }) => cpuMs)).toFixed(2);
      console.log(
        `${name.padEnd(20)}${rate.padStart(6)} images/s ${ratios[name].toFixed(2).padStart(7)} × local ` +
          `${cpu.padStart(7)} ms of CPU an image`,
      );
    }
    const farToNear = median(
      rates.far.map(({ imagesPerSecond }, round) => imagesPerSecond / rates.near[round].imagesPerSecond),
    );
    console.log(`far to near: ${farToNear.toFixed(2)}`);
    if (values.json)
      console.log(JSON.stringify({ node: process.version, workers, rates, ratios, farToNear }));
  } finally {
    for (const store of stores) store.disconnect();
    rmSync(folder, { recursive: true, force: true });
  }
}
