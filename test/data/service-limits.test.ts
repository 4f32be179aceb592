// Service limits: what one client cannot take from the others, and what a server says while its data set is opened.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  Server,
  type ServiceError,
} from "@grpc/grpc-js";
import { pino } from "pino";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { connectData } from "../../client/node/data-client.js";
import type { BatchPart } from "../../proto/batch-codec.js";
import { batchCost, MAX_CREDIT_BYTES } from "../../proto/credits.js";
import { toEvaluationMessage } from "../../proto/evaluation-codec.js";
import { grpc } from "../../proto/generated/health.js";
import { toRecipeMessage } from "../../proto/recipe-codec.js";
import { DATA_SERVICE, HEALTH_SERVICE, type StreamRequest } from "../../proto/services.js";
import { fromStatus } from "../../proto/wire-error.js";
import { isVitrineError, type VitrineError } from "../../runtime/errors.js";
import { batchDigest } from "../../server/data/batch-digest.js";
import { startDataServer } from "../../server/data/data-server.js";
import { type OpenPool, openDecodePool } from "../../server/data/decode-pool.js";
import type { DecodePool } from "../../server/data/decode-task.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { createDataService, type DataService, type ServiceLimits } from "../../server/data/service.js";
import { listen } from "../../server/listen.js";
import { SMALL_RECIPE } from "./batch-digests.js";
import { createDataSet, type SyntheticDataSet } from "./synthetic-data-set.js";

interface Context {
  set: SyntheticDataSet;
  opened: OpenPool;
}

const { HealthCheckRequest } = grpc.health.v1;

const test = suite<Context>("service limits");

test.before(async (context) => {
  context.set = createDataSet(40);
  context.opened = await openDecodePool(1);
});

test.after(async ({ set, opened }) => {
  await opened.pool.close();
  set.remove();
});

interface Served {
  address: string;
  service: DataService;
  client: Client;
  close(): void;
}

/** A service that has no data set yet. */
async function serve(limits: Partial<ServiceLimits> = {}): Promise<Served> {
  const service = createDataService({ badSamples: "fail", log: pino({ level: "silent" }), limits });
  const server = new Server();
  server.addService(DATA_SERVICE, service.implementation);
  const address = await listen(server, "127.0.0.1:0");
  const client = new Client(address, credentials.createInsecure());
  return {
    address,
    service,
    client,
    close() {
      client.close();
      server.forceShutdown();
    },
  };
}

type Call = ClientDuplexStream<StreamRequest, BatchPart>;

interface Raw {
  call: Call;
  received: BatchPart[];
  first: Promise<void>;
  /** The error that the call ended with. */
  ended: Promise<VitrineError | ServiceError>;
}

function rawStream({ client }: Served): Raw {
  const { path, requestSerialize, responseDeserialize } = DATA_SERVICE.StreamBatches;
  const call: Call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  const received: BatchPart[] = [];
  const first = new Promise<void>((resolve) => {
    call.on("data", (batch: BatchPart) => {
      received.push(batch);
      resolve();
    });
  });
  const ended = new Promise<VitrineError | ServiceError>((resolve) => {
    call.on("error", (error: ServiceError) => resolve(fromStatus(error) ?? error));
  });
  return { call, received, first, ended };
}

function openStream(served: Served, batchSize: number, creditBytes: number = MAX_CREDIT_BYTES): Raw {
  const raw = rawStream(served);
  raw.call.write({ open: { recipe: toRecipeMessage(SMALL_RECIPE), batchSize, seed: 1, creditBytes } });
  return raw;
}

async function codeOf({ ended }: Raw): Promise<string> {
  const error = await ended;
  return isVitrineError(error) ? error.code : `${error.code}: ${error.message}`;
}

test("a small batch does not wait for a large one that was asked for before", async ({ set, opened }) => {
  const served = await serve();
  served.service.open(await openDataset(set.path), opened);
  const large = openStream(served, 32, batchCost(32, SMALL_RECIPE.size));
  await until(() => served.service.bytesOutstanding() > 0, "the large batch is in the making");
  const small = openStream(served, 4, batchCost(4, SMALL_RECIPE.size));
  await small.first;
  assert.is(large.received.length, 0, "the large batch came first");
  await large.first;
  served.close();
});

test("streams that would exceed the memory are refused, and fit again when another one has left", async ({
  set,
  opened,
}) => {
  const cost = batchCost(8, SMALL_RECIPE.size);
  // Three batches in the making or held, and the frame of a message.
  const served = await serve({ memoryBytes: 2 * 4 * cost });
  served.service.open(await openDataset(set.path), opened);
  const streams = [openStream(served, 8, cost), openStream(served, 8, cost)];
  await Promise.all(streams.map(({ first }) => first));
  assert.is(served.service.bytesReserved(), 2 * 4 * cost);
  const refused = openStream(served, 8, cost);
  const error = await refused.ended;
  assert.ok(isVitrineError(error) && error.code === "data/server-full", String(error));
  assert.match(error.message, /2 other streams: ask for smaller batches, or .*--memory/);
  streams[0].call.cancel();
  await until(() => served.service.streams() === 1, "the server notices the cancel");
  const again = openStream(served, 8, cost);
  await again.first;
  served.close();
});

test("eight trainers of one plan cost one decode", async ({ set, opened }) => {
  let decoded = 0;
  const pool: DecodePool = {
    ...opened.pool,
    allocate: (bytes) => opened.pool.allocate(bytes),
    run(task, ...rest) {
      decoded += task.kind === "training" ? task.samples.length : 1;
      return opened.pool.run(task, ...rest);
    },
  };
  const served = await serve();
  served.service.open(await openDataset(set.path), { ...opened, pool });
  const settings = { address: served.address, recipe: SMALL_RECIPE, batchSize: 8, seed: 1 };
  const digests = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const source = await connectData({ ...settings, creditBytes: 2 * batchCost(8, SMALL_RECIPE.size) });
      const read: string[] = [];
      for await (const batch of source.batches({ epoch: 0, batch: 0 })) {
        read.push(batchDigest(batch));
        if (read.length === 12) break;
      }
      await source.close();
      return read.join();
    }),
  );
  assert.is(new Set(digests).size, 1);
  assert.ok(decoded <= (12 + 2) * 8, `${decoded} images were decoded for 12 batches of 8`);
  await until(() => served.service.streams() === 0, "all streams have ended");
  assert.is(served.service.bytesKept(), 0);
  served.close();
});

test("a batch that no budget holds is refused before memory is reserved for it", async ({ set, opened }) => {
  const served = await serve({ memoryBytes: 1 << 16 });
  served.service.open(await openDataset(set.path), opened);
  assert.is(await codeOf(openStream(served, 40)), "data/server-full");
  await until(() => served.service.bytesReserved() === 0, "nothing is reserved");
  served.close();
});

test("a batch that no message can hold is refused by client and server, with both numbers", async ({
  set,
  opened,
}) => {
  const served = await serve();
  served.service.open(await openDataset(set.path), opened);
  const recipe = { ...SMALL_RECIPE, size: 1024 };
  for (const batchSize of [1024, 4096]) {
    const numbers = new RegExp(
      `takes ${batchCost(batchSize, 1024).toLocaleString("en-US")} bytes; allowed: 2,147,483,647`,
    );
    const raw = rawStream(served);
    raw.call.write({
      open: { recipe: toRecipeMessage(recipe), batchSize, seed: 1, creditBytes: MAX_CREDIT_BYTES },
    });
    const settings = { address: served.address, recipe, batchSize, seed: 1 };
    const fromClient = await connectData(settings).catch((reason: unknown) => reason);
    for (const error of [await raw.ended, fromClient]) {
      assert.ok(isVitrineError(error) && error.code === "usage/recipe", String(error));
      assert.match(error.message, numbers);
    }
    const evaluation = rawStream(served);
    evaluation.call.write({
      open: { evaluation: toEvaluationMessage({ size: 2048 }), batchSize, creditBytes: MAX_CREDIT_BYTES },
    });
    assert.is(await codeOf(evaluation), "usage/recipe");
  }
  assert.is(served.service.bytesReserved(), 0);
  served.close();
});

test("more streams than allowed are refused", async ({ set, opened }) => {
  const served = await serve({ maxStreams: 1 });
  served.service.open(await openDataset(set.path), opened);
  const one = openStream(served, 4);
  await one.first;
  assert.is(await codeOf(openStream(served, 4)), "data/server-full");
  served.close();
});

test("a stream that never says what it wants is ended", async ({ set, opened }) => {
  const served = await serve({ openMs: 50 });
  served.service.open(await openDataset(set.path), opened);
  const silent = rawStream(served);
  // The call reaches the server with its metadata alone.
  const error = await silent.ended;
  assert.ok(isVitrineError(error) && error.code === "protocol/bad-open", String(error));
  assert.match(error.message, /did not come within 0\.05 s/);
  await until(() => served.service.streams() === 0, "no stream is left");
  served.close();
});

test("until the data set is open, clients hear how far the server is", async ({ set, opened }) => {
  const served = await serve();
  served.service.listed(120_000);
  const error = await openStream(served, 4).ended;
  assert.ok(isVitrineError(error) && error.code === "data/opening", String(error));
  assert.match(error.message, /being opened: 120,000 files so far/);
  served.service.open(await openDataset(set.path), opened);
  await openStream(served, 4).first;
  served.close();
});

test("a trainer waits for a place, but not for one that there will never be", async ({ set, opened }) => {
  const cost = batchCost(8, SMALL_RECIPE.size);
  const served = await serve({ memoryBytes: 4 * cost });
  served.service.open(await openDataset(set.path), opened);
  const taken = openStream(served, 8, cost);
  await taken.first;
  const notices: string[] = [];
  const first = { epoch: 0, batch: 0 };
  const settings = { address: served.address, recipe: SMALL_RECIPE, seed: 1, creditBytes: cost };
  const client = await connectData({ ...settings, batchSize: 8, onNotice: (text) => notices.push(text) });
  const reading = client.batches(first)[Symbol.asyncIterator]();
  const batch = reading.next();
  await until(() => notices.length > 0, "it says that it waits");
  assert.match(notices[0], /waiting for the data server \(.*1 other stream/);
  taken.call.cancel();
  assert.is((await batch).value?.count, 8);
  await client.close();
  const large = await connectData({ ...settings, batchSize: 16, creditBytes: 4 * cost });
  const error = await large
    .batches(first)
    [Symbol.asyncIterator]()
    .next()
    .catch((reason: unknown) => reason);
  assert.ok(isVitrineError(error) && error.code === "data/server-full", String(error));
  await large.close();
  served.close();
});

/** Rows enough to be listed for a while. */
const MANY_ROWS = 60_000;

test("a client that comes while the files are listed waits until they are", async ({ set }) => {
  const list = join(set.path, "many.csv");
  writeFileSync(list, `path,label\n${"cat/000.jpg,cat\n".repeat(MANY_ROWS)}`);
  const address = `unix:${join(set.path, "socket")}`;
  const log = pino({ level: "silent" });
  const starting = startDataServer({ data: list, listen: address, workers: 0, badSamples: "fail", log });
  const notices: string[] = [];
  const client = await connectData({
    ...{ address, recipe: SMALL_RECIPE, batchSize: 4, seed: 1 },
    onNotice: (text) => notices.push(text),
  });
  assert.is(client.description.samples, MANY_ROWS);
  assert.match(notices.join("\n"), /^waiting for the data server .* up to 60 s\nthe data server is back$/);
  await client.close();
  await (await starting).close();
});

test("health checks of the data server answer, and end with it", async ({ set }) => {
  const server = await startDataServer({
    data: set.path,
    listen: "127.0.0.1:0",
    workers: 0,
    badSamples: "fail",
    log: pino({ level: "silent" }),
  });
  const client = new Client(server.address, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = HEALTH_SERVICE.Check;
  const check = (service: string) =>
    new Promise<number | null | undefined>((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        HealthCheckRequest.create({ service }),
        new Metadata(),
        (error, response) => (error ? reject(error) : resolve(response?.status)),
      );
    });
  assert.is(await check(""), 1);
  assert.is(await check("vitrine.data.v1.DataService"), 1);
  const unknown = await check("other").then(String, (error: ServiceError) => fromStatus(error)?.code);
  assert.is(unknown, "protocol/unknown-service");
  client.close();
  await server.close();
});

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.unreachable(`never happened: ${what}`);
}

test.run();
