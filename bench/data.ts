// Bench of the data service: what the wire costs beside a bare grpc-js stream and beside decoding in one process, how
// throughput grows with decode threads, and how a million images are opened.
//
// `npm run bench -- data [--photos DIR] [--rounds 5] [--json]`. Without --photos the pictures are drawn ones of 96 pixels,
// which decode several times faster than photographs. Kinds of a round take turns, and CPU time counts where other work on
// the machine would spoil the time.

import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { counted } from "../runtime/batches/class-counts.js";
import { type Figures, type Load, measure, type Source } from "./data/measure.js";
import { type Million, measureMillion, type Opening } from "./data/measure-million.js";
import { listPhotos } from "./data/photo-list.js";
import { median } from "./statistics.js";

interface Options {
  photos: string | undefined;
  rounds: number;
  json: boolean;
}

function options(words: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...words],
    options: {
      photos: { type: "string" },
      rounds: { type: "string", default: "5" },
      json: { type: "boolean", default: false },
    },
  });
  const rounds = Number(values.rounds);
  if (!Number.isSafeInteger(rounds) || rounds < 1)
    throw new Error(`bench: --rounds is "${values.rounds}"; allowed: 1 or more`);
  return { photos: values.photos, rounds, json: values.json };
}

const BATCH = 64;

type Kind = { name: string; source: Source; load: Load };

/** Each kind once in every round, in turns of alternating order. */
async function inTurns(kinds: readonly Kind[], rounds: number): Promise<Map<string, Figures[]>> {
  const figures = new Map<string, Figures[]>(kinds.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const { name, source, load } of round % 2 === 0 ? kinds : kinds.toReversed())
      figures.get(name)?.push(await measure(source, load));
  return figures;
}

function printMillion({ open, serve }: Million): void {
  const text = ({ milliseconds, megabytes }: Opening): string =>
    `${milliseconds.toFixed(0)} ms, ${megabytes.toFixed(0)} MB`;
  console.log(`an index of a million images: opened in ${text(open)}; a data server with it: ${text(serve)}`);
}

export async function main(words: readonly string[]): Promise<void> {
  const { photos, rounds, json } = options(words);
  const work = mkdtempSync(join(tmpdir(), "vitrine-bench-"));
  try {
    const load = {
      data: await listPhotos(photos, work, BATCH),
      images: BATCH,
      size: 224,
      batches: 100,
      workers: 1,
    };
    const decoding = { ...load, batches: 10 };
    // One core is left to the thread that sends, and one to the client.
    const many = Math.max(1, availableParallelism() - 2);
    const kinds: Kind[] = [
      { name: "bare stream", source: "bare", load },
      { name: "service", source: "replay", load },
      { name: "in process", source: "local", load: decoding },
      { name: "1 worker", source: "decode", load: decoding },
      ...(many > 1
        ? [{ name: `${many} workers`, source: "decode" as const, load: { ...decoding, workers: many } }]
        : []),
    ];
    const figures = await inTurns(kinds, rounds);
    const of = (name: string, value: (figures: Figures) => number): number =>
      median((figures.get(name) ?? []).map(value));
    const cpu = ({ serverMs, clientMs }: Figures): number => serverMs + clientMs;
    console.log("                 MB/s  images/s  CPU ms an image: server  client  first batch, ms");
    for (const { name } of kinds) {
      const [rate, images, server, client, first] = [
        of(name, ({ megabytesPerSecond }) => megabytesPerSecond).toFixed(0),
        of(name, ({ imagesPerSecond }) => imagesPerSecond).toFixed(0),
        of(name, ({ serverMs }) => serverMs).toFixed(3),
        of(name, ({ clientMs }) => clientMs).toFixed(3),
        of(name, ({ firstMs }) => firstMs).toFixed(0),
      ];
      console.log(
        `${name.padEnd(15)}${rate.padStart(6)}${images.padStart(10)}${server.padStart(25)}${client.padStart(8)}${first.padStart(17)}`,
      );
    }
    const million = await measureMillion(work, rounds);
    printMillion(million);
    const rate = ({ imagesPerSecond }: Figures): number => imagesPerSecond;
    if (many === 1)
      console.log(
        `decodeBoundPerWorker is unknown: of ${counted(availableParallelism(), "core", "cores")}, one for the thread ` +
          "that sends and one for the client leave none for a second decode thread",
      );
    const result = {
      node: process.version,
      pictures: photos === undefined ? "drawn" : "photos",
      workers: many,
      ratios: {
        serviceVsBareGrpc: of("service", rate) / of("bare stream", rate),
        serviceVsBareGrpcCpu: of("bare stream", cpu) / of("service", cpu),
        cpuVsInProcess: of("1 worker", cpu) / of("in process", cpu),
        decodeBoundPerWorker: many > 1 ? of(`${many} workers`, rate) / (many * of("1 worker", rate)) : null,
      },
      firstBatchMs: of("1 worker", ({ firstMs }) => firstMs),
      millionOpenMs: million.open.milliseconds,
      millionOpenMb: million.open.megabytes,
    };
    if (json) console.log(JSON.stringify(result));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
