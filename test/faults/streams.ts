// Streams with faults: a client reads batches while decode threads and servers are killed at random moments. What it
// got is compared, batch by batch, with what an undisturbed pipeline makes.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Server } from "@grpc/grpc-js";
import { pino } from "pino";
import { connectData } from "../../client/node/data-client.js";
import { DATA_SERVICE } from "../../proto/services.js";
import { createWorkerPool, openDecodePool } from "../../server/data/decode-pool.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { openPipeline } from "../../server/data/pipeline.js";
import { createDataService } from "../../server/data/service.js";
import { listen } from "../../server/listen.js";
import { digestsOf, SMALL_RECIPE } from "../data/batch-digests.js";
import { type ServerProcess, startServer } from "../data/server-process.js";
import type { Chance } from "./chance.js";

/** Repeated augmentation and mixing: what two batches could get wrong between them. */
const SETTINGS = { recipe: { ...SMALL_RECIPE, repeats: 3 }, batchSize: 8, seed: 11 };
const START = { epoch: 0, batch: 0 };
/** Batches between two faults, so that a fault finds the stream at work again. */
const BATCHES_PER_FAULT = 6;
/** Room for two batches: a server that dies takes what it made ahead with it. */
const CREDIT = 2 * (8 * (3 * 32 * 32 + 20) + 64);

/** What a scenario found. */
export interface Outcome {
  faults: number;
  /** Batches, or steps of a trainer, that were compared. */
  compared: number;
  equal: boolean;
}

/** What is broken at a fault; resolves when it is mended. */
type Break = () => Promise<void>;

async function expectedDigests(path: string, count: number): Promise<string[]> {
  const source = await openPipeline({
    ...SETTINGS,
    badSamples: "fail",
    dataset: await openDataset(path),
    workers: 0,
  });
  try {
    return await digestsOf(source, START, count);
  } finally {
    await source.close();
  }
}

/** Reads while `breaks` is called at random batches, each at a random moment of one. */
async function readThrough(
  path: string,
  address: string,
  faults: number,
  chance: Chance,
  breaks: Break,
): Promise<Outcome> {
  const count = BATCHES_PER_FAULT * (faults + 1);
  const expected = await expectedDigests(path, count);
  const at = new Set(chance.moments(faults, 2, count - 3));
  const source = await connectData({ ...SETTINGS, address, creditBytes: CREDIT, timeoutSeconds: 60 });
  let mended: Promise<void> = Promise.resolve();
  try {
    const digests = await digestsOf(source, START, count, async (done) => {
      // A step of the trainer.
      await delay(2 + chance.below(4));
      if (!at.has(done)) return;
      await mended;
      mended = delay(chance.below(12)).then(breaks);
    });
    await mended;
    const equal = digests.length === count && digests.every((digest, i) => digest === expected[i]);
    return { faults: at.size, compared: count, equal };
  } finally {
    await source.close();
  }
}

/** A server in this process, whose decode threads are terminated. */
export async function killThreads(path: string, faults: number, chance: Chance): Promise<Outcome> {
  const pool = await createWorkerPool(2);
  const { pool: unused, math } = await openDecodePool(0);
  await unused.close();
  const service = createDataService({ badSamples: "fail", log: pino({ level: "silent" }) });
  service.open(await openDataset(path), { pool, math });
  const server = new Server();
  server.addService(DATA_SERVICE, service.implementation);
  const address = await listen(server, "127.0.0.1:0");
  try {
    return await readThrough(path, address, faults, chance, async () => {
      const { threads } = pool;
      await threads[chance.below(Math.max(1, threads.length))]?.terminate();
    });
  } finally {
    server.forceShutdown();
    await pool.close();
  }
}

/** Server processes that are killed and started again at the same address. */
async function killProcesses(
  path: string,
  addresses: readonly string[],
  faults: number,
  chance: Chance,
): Promise<Outcome> {
  const start = (address: string): Promise<ServerProcess> => startServer(path, "--listen", address);
  const servers = await Promise.all(addresses.map(start));
  const list = servers.map(({ address }) => address).join(",");
  try {
    return await readThrough(path, list, faults, chance, async () => {
      const victim = chance.below(servers.length);
      const { address } = servers[victim];
      await servers[victim].stop("SIGKILL");
      await delay(chance.below(300));
      servers[victim] = await start(address);
    });
  } finally {
    await Promise.all(servers.map((server) => server.stop("SIGKILL")));
  }
}

export const killServerOverTcp = (path: string, faults: number, chance: Chance): Promise<Outcome> =>
  killProcesses(path, ["127.0.0.1:0"], faults, chance);

export const killOneOfThree = (path: string, faults: number, chance: Chance): Promise<Outcome> =>
  killProcesses(path, ["127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"], faults, chance);

export async function killServerOverSocket(path: string, faults: number, chance: Chance): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-faults-"));
  try {
    return await killProcesses(path, [`unix:${join(folder, "data.sock")}`], faults, chance);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
