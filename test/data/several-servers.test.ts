// Several data servers: together they give the batches that one gives, whichever of them come, go or are slow.

import { setTimeout as delay } from "node:timers/promises";
import { Server } from "@grpc/grpc-js";
import { pino } from "pino";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { connectData, type DataClientOptions } from "../../client/node/data-client.js";
import { DataServers } from "../../client/node/data-servers.js";
import { DATA_SERVICE } from "../../proto/services.js";
import { isVitrineError } from "../../runtime/errors.js";
import { batchDigest } from "../../server/data/batch-digest.js";
import { type DataServer, startDataServer } from "../../server/data/data-server.js";
import { openDecodePool } from "../../server/data/decode-pool.js";
import type { DecodePool } from "../../server/data/decode-task.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { createDataService } from "../../server/data/service.js";
import { listen } from "../../server/listen.js";
import { SMALL_RECIPE } from "./batch-digests.js";
import { createDataSet, type SyntheticDataSet } from "./synthetic-data-set.js";

interface Context {
  set: SyntheticDataSet;
  expected: string[];
}

const test = suite<Context>("several servers");
const log = pino({ level: "silent" });
const COUNT = 25;
const SETTINGS = { recipe: SMALL_RECIPE, batchSize: 4, seed: 3, timeoutSeconds: 20 } as const;

const started = new Set<DataServer>();

async function serve({ set }: { set: SyntheticDataSet }, address = "127.0.0.1:0"): Promise<DataServer> {
  const server = await startDataServer({
    data: set.path,
    listen: address,
    workers: 0,
    badSamples: "fail",
    log,
  });
  started.add(server);
  return server;
}

async function stop(server: DataServer): Promise<void> {
  started.delete(server);
  await server.close();
}

interface Read {
  digests: string[];
  notices: string[];
}

/** `onBatch` is awaited after each batch, with the number of batches so far. */
async function read(
  options: Pick<DataClientOptions, "address">,
  onBatch: (done: number) => Promise<void> = async () => {},
  count = COUNT,
): Promise<Read> {
  const notices: string[] = [];
  const source = await connectData({ ...SETTINGS, ...options, onNotice: (text) => notices.push(text) });
  const digests: string[] = [];
  try {
    for await (const batch of source.batches({ epoch: 0, batch: 2 })) {
      digests.push(batchDigest(batch));
      if (digests.length === count) break;
      await onBatch(digests.length);
    }
  } finally {
    await source.close();
  }
  return { digests, notices };
}

const streamsOf = (servers: readonly DataServer[]) => servers.map(({ service }) => service.streams());
const listOf = (servers: readonly DataServer[]) => servers.map(({ address }) => address).join(",");

test.before(async (context) => {
  // 10 batches an epoch: 25 batches from the third on reach the third epoch.
  context.set = createDataSet(40);
  const server = await serve(context);
  context.expected = (await read({ address: server.address })).digests;
  await stop(server);
});

test.after.each(async () => {
  await Promise.all([...started].map(stop));
});

test.after(({ set }) => set.remove());

test("two and three servers share the batches, which are those of one", async (context) => {
  const servers = [await serve(context), await serve(context), await serve(context)];
  for (const count of [2, 3]) {
    const taking = servers.slice(0, count);
    let streams: number[] = [];
    const { digests } = await read({ address: listOf(taking) }, async (done) => {
      if (done === 10) streams = streamsOf(taking);
    });
    assert.equal(digests, context.expected);
    assert.equal(streams, Array(count).fill(1));
  }
});

test("a server that stops is made up for by the others, and takes part again when it is back", async (context) => {
  const [first, second] = [await serve(context), await serve(context)];
  const { address } = second;
  let back: DataServer | undefined;
  let joined = 0;
  const { digests, notices } = await read({ address: listOf([first, second]) }, async (done) => {
    if (done === 5) await stop(second);
    if (done === 9) back = await serve(context, address);
    // The first look comes after five seconds, and goes on beside the reading.
    if (done === 14) await delay(6_000);
    if (done > 15 && joined === 0) {
      await delay(800);
      joined = back?.service.streams() ?? 0;
    }
  });
  assert.equal(digests, context.expected);
  assert.match(notices.join("\n"), new RegExp(`data server ${address} is away`));
  assert.not.match(notices.join("\n"), /a batch was late/);
  assert.is(joined, 1, "it did not take part again");
});

test("where none is left, the client waits for one as it does for a single server", async (context) => {
  const servers = [await serve(context), await serve(context)];
  const list = listOf(servers);
  const { digests, notices } = await read({ address: list }, async (done) => {
    if (done !== 7) return;
    await Promise.all(servers.map(stop));
    void delay(3_000).then(() => serve(context, servers[1].address));
  });
  assert.equal(digests, context.expected);
  assert.match(notices.join("\n"), /waiting for the data server .* up to 20 s/);
});

test("a slow server's batch is asked of another one, and goes on without it", async (context) => {
  const fast = await serve(context);
  const { pool, math } = await openDecodePool(0);
  let tasks = 0;
  const slowPool: DecodePool = {
    ...pool,
    run: async (task, batch, signal) => {
      if (++tasks > 8) await delay(60_000, undefined, { signal });
      return pool.run(task, batch, signal);
    },
  };
  const service = createDataService({ badSamples: "fail", log });
  service.open(await openDataset(context.set.path), { pool: slowPool, math });
  const server = new Server();
  server.addService(DATA_SERVICE, service.implementation);
  const slow = await listen(server, "127.0.0.1:0");
  const began = performance.now();
  const { digests, notices } = await read({ address: `${slow},${fast.address}` });
  assert.equal(digests, context.expected);
  assert.match(notices.join("\n"), new RegExp(`a batch was late: ${fast.address} made it instead`));
  assert.ok(performance.now() - began < 50_000, "it waited for the slow server");
  server.forceShutdown();
  await pool.close();
});

test("a slow server's stream is not read on, however long the batch that was made elsewhere is used", async (context) => {
  const fast = await serve(context);
  const { pool, math } = await openDecodePool(0);
  let tasks = 0;
  const slowPool: DecodePool = {
    ...pool,
    run: async (task, batch, signal) => {
      if (++tasks === 9) await delay(4_000, undefined, { signal });
      return pool.run(task, batch, signal);
    },
  };
  const service = createDataService({ badSamples: "fail", log });
  service.open(await openDataset(context.set.path), { pool: slowPool, math });
  const server = new Server();
  server.addService(DATA_SERVICE, service.implementation);
  const slow = await listen(server, "127.0.0.1:0");
  const now = performance.now.bind(performance);
  let skippedMs = 0;
  performance.now = () => now() + skippedMs;
  let last = now();
  try {
    const { digests, notices } = await read({ address: `${slow},${fast.address}` }, async () => {
      // A step of 31 seconds, after which the slow server is no longer left out.
      if (now() - last > 900 && skippedMs === 0) skippedMs = 31_000;
      last = now();
    });
    assert.equal(digests, context.expected);
    assert.match(notices.join("\n"), /a batch was late/);
  } finally {
    performance.now = now;
    server.forceShutdown();
    await pool.close();
  }
});

test("a server that lists its files is waited for beside one that is away", async (context) => {
  const { pool, math } = await openDecodePool(0);
  const service = createDataService({ badSamples: "fail", log });
  const server = new Server();
  server.addService(DATA_SERVICE, service.implementation);
  const opening = await listen(server, "127.0.0.1:0");
  const gone = await serve(context);
  await stop(gone);
  const dataset = await openDataset(context.set.path);
  let files = 0;
  const listing = setInterval(() => {
    service.listed(++files);
    if (files === 30) service.open(dataset, { pool, math });
  }, 100);
  try {
    const address = `${gone.address},${opening}`;
    const source = await connectData({ ...SETTINGS, address, timeoutSeconds: 1 });
    assert.is(source.description.samples, 40);
    await source.close();
  } finally {
    clearInterval(listing);
    server.forceShutdown();
    await pool.close();
  }
});

test("a server that answers and then fails rests longer each time, until it has made a batch", async () => {
  const address = "127.0.0.1:1";
  const servers = new DataServers([address]);
  const now = performance.now();
  const clock = performance.now;
  try {
    performance.now = () => now;
    servers.failed(address);
    assert.equal(servers.available([address]), []);
    servers.answered(address);
    assert.equal(servers.available([address]), [address]);
    servers.failed(address);
    performance.now = () => now + 1_500;
    assert.equal(servers.available([address]), [], "it rests two seconds");
    servers.delivered(address);
    performance.now = () => now;
    servers.failed(address);
    performance.now = () => now + 1_500;
    assert.equal(servers.available([address]), [address], "it rests one second");
  } finally {
    performance.now = clock;
  }
});

test("a name that resolves no more keeps its addresses", async () => {
  let known = ["10.0.0.1:50051"];
  const servers = new DataServers(["dns:///data:50051"], async () => {
    if (known.length === 0) throw new Error("ENOTFOUND");
    return known;
  });
  assert.equal(await servers.addresses(), ["10.0.0.1:50051"]);
  known = [];
  assert.equal(await servers.addresses(), ["10.0.0.1:50051"]);
  known = ["10.0.0.2:50051"];
  assert.equal(await servers.addresses(), ["10.0.0.2:50051"]);
});

test("a name stands for all its addresses", async (context) => {
  const server = await serve(context);
  const port = server.address.split(":")[1];
  const { digests } = await read({ address: `dns:///localhost:${port}` });
  assert.equal(digests, context.expected);
});

test("servers with different data sets are refused together", async (context) => {
  const other = createDataSet(39);
  const servers = [await serve(context), await serve({ set: other })];
  const error = await read({ address: listOf(servers) }).catch((reason: unknown) => reason);
  other.remove();
  assert.ok(isVitrineError(error) && error.code === "data/fingerprint-changed", String(error));
  assert.match(error.message, /several servers must have the same/);
});

test("a list with a wrong address is refused before anything is asked", async () => {
  const error = await read({ address: "127.0.0.1:50051, nowhere" }).catch((reason: unknown) => reason);
  assert.ok(isVitrineError(error) && error.code === "usage/address", String(error));
});

test.run();
