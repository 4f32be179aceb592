// Credits on the wire: a server never prepares, holds or sends more than it was granted, whichever side is slow.

import { Client, type ClientDuplexStream, credentials, Server, type ServiceError } from "@grpc/grpc-js";
import { pino } from "pino";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { BatchPart } from "../../proto/batch-codec.js";
import { batchCost, MAX_CREDIT_BYTES } from "../../proto/credits.js";
import { toRecipeMessage } from "../../proto/recipe-codec.js";
import { DATA_SERVICE, type StreamRequest } from "../../proto/services.js";
import { fromStatus } from "../../proto/wire-error.js";
import { openDecodePool } from "../../server/data/decode-pool.js";
import type { DecodePool } from "../../server/data/decode-task.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { createDataService, type DataService } from "../../server/data/service.js";
import { listen } from "../../server/listen.js";
import { SMALL_RECIPE } from "./batch-digests.js";
import { createDataSet, type SyntheticDataSet } from "./synthetic-data-set.js";

interface Context {
  set: SyntheticDataSet;
  server: Server;
  service: DataService;
  pool: DecodePool;
  client: Client;
  /** Bytes of batch memory that the server has allocated in all. */
  allocated: number;
  /** Samples that the server has decoded in all. */
  decoded: number;
}

const test = suite<Context>("credits");

const BATCH = 4;
const COST = batchCost(BATCH, SMALL_RECIPE.size);

test.before(async (context) => {
  context.set = createDataSet(40);
  const { pool, math } = await openDecodePool(0);
  context.pool = pool;
  const counted: DecodePool = {
    ...pool,
    run(task, batch, signal) {
      context.decoded += task.kind === "training" ? task.samples.length : 1;
      return pool.run(task, batch, signal);
    },
    allocate(bytes) {
      context.allocated += bytes;
      return pool.allocate(bytes);
    },
  };
  const log = pino({ level: "silent" });
  const dataset = await openDataset(context.set.path);
  context.service = createDataService({ badSamples: "fail", log });
  context.service.open(dataset, { pool: counted, math });
  context.server = new Server();
  context.server.addService(DATA_SERVICE, context.service.implementation);
  const address = await listen(context.server, "127.0.0.1:0");
  context.client = new Client(address, credentials.createInsecure());
});

test.before.each((context) => {
  context.allocated = 0;
  context.decoded = 0;
});

test.after(async ({ set, server, pool, client }) => {
  client.close();
  server.forceShutdown();
  await pool.close();
  set.remove();
});

type Call = ClientDuplexStream<StreamRequest, BatchPart>;

interface Raw {
  call: Call;
  received: BatchPart[];
  /** Code of the error that the call ended with. */
  ended: Promise<string>;
}

/** A client that grants no credit on its own. */
function rawStream({ client }: Context, creditBytes: number, batchSize = BATCH): Raw {
  const { path, requestSerialize, responseDeserialize } = DATA_SERVICE.StreamBatches;
  const call: Call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  const received: BatchPart[] = [];
  call.on("data", (batch: BatchPart) => received.push(batch));
  const ended = new Promise<string>((resolve) => {
    call.on("error", (error: ServiceError) => resolve(fromStatus(error)?.code ?? error.message));
    call.on("end", () => resolve("end"));
  });
  call.write({ open: { recipe: toRecipeMessage(SMALL_RECIPE), batchSize, seed: 1, creditBytes } });
  return { call, received, ended };
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (condition()) return;
    await pause(10);
  }
  assert.unreachable(`never happened: ${what}`);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

test("without further credit the server uses up the window and then prepares nothing more", async (context) => {
  const { call, received } = rawStream(context, 3 * COST + 1);
  await until(() => received.length === 3, "three batches");
  await pause(200);
  assert.is(received.length, 3);
  assert.is(context.decoded, 3 * BATCH, "no image was decoded that the credit did not cover");
  assert.is(context.service.bytesOutstanding(), 3 * COST);
  call.write({ credit: { bytes: COST } });
  await until(() => received.length === 4, "a fourth batch");
  await pause(100);
  assert.is(context.decoded, 4 * BATCH);
  assert.equal(
    received.map(({ head }) => head?.cursor.batch),
    [0, 1, 2, 3],
  );
  call.cancel();
  await until(() => context.service.streams() === 0, "the server notices the cancel");
});

test("over a hundred batches, granted one at a time, the credit used never exceeds the window", async (context) => {
  const window = 2 * COST;
  const { call, received } = rawStream(context, window);
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, context.service.bytesOutstanding());
  }, 1);
  for (let i = 1; i <= 100; i++) {
    await until(() => received.length >= i, `batch ${i}`);
    most = Math.max(most, context.service.bytesOutstanding());
    call.write({ credit: { bytes: COST } });
  }
  clearInterval(watch);
  assert.ok(most > COST && most <= window, `${most} of ${window}`);
  assert.ok(context.decoded <= (100 + 2) * BATCH, `${context.decoded}`);
  call.cancel();
  await until(() => context.service.streams() === 0, "the server notices the cancel");
});

test("a client with unlimited credit that does not read costs the server a few batches of memory", async (context) => {
  const { call, received } = rawStream(context, MAX_CREDIT_BYTES, 32);
  await until(() => received.length >= 1, "a batch");
  call.pause();
  let before = -1;
  while (before !== context.decoded) {
    before = context.decoded;
    await pause(300);
  }
  const bytes = 32 * SMALL_RECIPE.size ** 2 * 3;
  assert.is(
    context.allocated,
    (3 + 8) * bytes,
    "three buffers and the last eight batches, used over and over",
  );
  // grpc-js's client takes 16 messages into its own queue, and HTTP/2's window takes some more.
  assert.ok(context.decoded - received.length * 32 <= 30 * 32, `${context.decoded}`);
  const stalled = received.length;
  call.resume();
  await until(() => received.length > stalled + 20, "it continues");
  call.cancel();
  await until(() => context.service.streams() === 0, "the server notices the cancel");
});

test("a window that does not cover one batch, and credit for more than was sent, are refused", async (context) => {
  assert.is(await rawStream(context, COST - 1).ended, "protocol/credit-too-small");
  const { call, received, ended } = rawStream(context, 2 * COST);
  await until(() => received.length === 2, "two batches");
  call.write({ credit: { bytes: 2 * COST + 1 } });
  assert.is(await ended, "protocol/credit-overflow");
});

test("a stream that starts or continues with the wrong message is refused by name", async (context) => {
  const { path, requestSerialize, responseDeserialize } = DATA_SERVICE.StreamBatches;
  const call: Call = context.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  const ended = new Promise<string>((resolve) => {
    call.on("error", (error: ServiceError) => resolve(fromStatus(error)?.code ?? error.message));
  });
  call.resume();
  call.write({ credit: { bytes: 1 } });
  assert.is(await ended, "protocol/bad-open");
  const second = rawStream(context, 2 * COST);
  second.call.write({ open: {} });
  assert.is(await second.ended, "protocol/bad-request");
  assert.is(await rawStream(context, MAX_CREDIT_BYTES, 5000).ended, "usage/recipe");
  assert.is(await rawStream(context, MAX_CREDIT_BYTES, 0).ended, "usage/recipe");
  await until(() => context.service.streams() === 0, "no stream is left");
});

test("half-closing ends the stream cleanly", async (context) => {
  const { call, received, ended } = rawStream(context, 2 * COST);
  await until(() => received.length === 2, "two batches");
  call.end();
  assert.is(await ended, "end");
  await until(() => context.service.streams() === 0, "no stream is left");
});

test.run();
