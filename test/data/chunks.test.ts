// Chunks: a batch in several messages is the same batch, and only for clients that ask for it.

import { EventEmitter } from "node:events";
import { Client, type ClientDuplexStream, credentials, Server } from "@grpc/grpc-js";
import { pino } from "pino";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { BatchAssembler } from "../../client/node/batch-assembler.js";
import { connectData } from "../../client/node/data-client.js";
import { DataStream } from "../../client/node/data-connection.js";
import {
  type BatchPart,
  decodePart,
  encodeBatch,
  encodePart,
  partsOf,
  pixelBytes,
} from "../../proto/batch-codec.js";
import { batchCost } from "../../proto/credits.js";
import { FRAME_HEADER_BYTES } from "../../proto/gathered-message.js";
import { freeMessage } from "../../proto/message-memory.js";
import { toRecipeMessage } from "../../proto/recipe-codec.js";
import { DATA_SERVICE, type OpenRequest, type StreamRequest } from "../../proto/services.js";
import { isVitrineError } from "../../runtime/errors.js";
import { batchDigest } from "../../server/data/batch-digest.js";
import { type OpenPool, openDecodePool } from "../../server/data/decode-pool.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { openPipeline } from "../../server/data/pipeline.js";
import { createDataService } from "../../server/data/service.js";
import { listen } from "../../server/listen.js";
import { wireBatch } from "../proto/wire-batch.js";
import { SMALL_RECIPE } from "./batch-digests.js";
import { createDataSet, type SyntheticDataSet } from "./synthetic-data-set.js";

interface Context {
  set: SyntheticDataSet;
  opened: OpenPool;
  server: Server;
  address: string;
}

const test = suite<Context>("chunks");

/** 4 images of 160 pixels: five messages of the smallest size. */
const RECIPE = { ...SMALL_RECIPE, size: 160 };
const COUNT = 4;
const SMALLEST = 65_536;

test.before(async (context) => {
  context.set = createDataSet(20);
  context.opened = await openDecodePool(1);
  const service = createDataService({ badSamples: "fail", log: pino({ level: "silent" }) });
  service.open(await openDataset(context.set.path), context.opened);
  context.server = new Server();
  context.server.addService(DATA_SERVICE, service.implementation);
  context.address = await listen(context.server, "127.0.0.1:0");
});

test.after(async ({ set, opened, server }) => {
  server.forceShutdown();
  await opened.pool.close();
  set.remove();
});

/** The parts of the first batch of a stream. */
async function firstParts({ address }: Context, open: Partial<OpenRequest>): Promise<BatchPart[]> {
  const client = new Client(address, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = DATA_SERVICE.StreamBatches;
  const call: ClientDuplexStream<StreamRequest, BatchPart> = client.makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
  );
  const creditBytes = batchCost(COUNT, RECIPE.size);
  call.on("error", () => {});
  call.write({
    open: { recipe: toRecipeMessage(RECIPE), batchSize: COUNT, seed: 1, creditBytes, ...open },
  });
  const parts: BatchPart[] = [];
  await new Promise<void>((resolve) => {
    let bytes = 0;
    call.on("data", (part: BatchPart) => {
      parts.push(part);
      bytes += part.pixels.length;
      if (bytes === pixelBytes({ count: COUNT, size: RECIPE.size })) resolve();
    });
  });
  call.cancel();
  client.close();
  return parts;
}

test("a client that does not ask for chunks gets whole batches", async (context) => {
  assert.is((await firstParts(context, {})).length, 1);
});

test("chunks have the length that was asked for, but no less than 64 KiB", async (context) => {
  const total = pixelBytes({ count: COUNT, size: RECIPE.size });
  const expected = [SMALLEST, SMALLEST, SMALLEST, SMALLEST, total - 4 * SMALLEST];
  for (const chunkBytes of [SMALLEST, 1]) {
    const parts = await firstParts(context, { chunkBytes });
    assert.equal(
      parts.map(({ pixels }) => pixels.length),
      expected,
    );
  }
  assert.is((await firstParts(context, { chunkBytes: 2 ** 32 - 1 })).length, 1);
});

test("batches in chunks are those made in this process, while their memory is used again", async (context) => {
  // Two messages: more than a mebibyte.
  const settings = { recipe: { ...RECIPE, size: 320 }, batchSize: 5, seed: 3 };
  const dataset = await openDataset(context.set.path);
  const local = await openPipeline({ dataset, ...settings, workers: 0, badSamples: "fail" });
  const remote = await connectData({ address: context.address, ...settings });
  const expected = local.batches({ epoch: 0, batch: 0 })[Symbol.asyncIterator]();
  const memory = new Set<ArrayBufferLike>();
  let count = 0;
  for await (const batch of remote.batches({ epoch: 0, batch: 0 })) {
    assert.is(batchDigest(batch), batchDigest((await expected.next()).value));
    memory.add(batch.pixels.buffer);
    if (++count === 40) break;
  }
  assert.ok(memory.size <= 10, `${memory.size} batches of memory`);
  await remote.close();
  await local.close();
});

test("frames are freed once they are written", async ({ set, opened }) => {
  const service = createDataService({ badSamples: "fail", log: pino({ level: "silent" }) });
  service.open(await openDataset(set.path), opened);
  const frames: BatchPart[] = [];
  const server = new Server();
  const responseSerialize = (part: BatchPart) => {
    frames.push(part);
    return encodePart(part);
  };
  const { StreamBatches } = DATA_SERVICE;
  server.addService(
    { ...DATA_SERVICE, StreamBatches: { ...StreamBatches, responseSerialize } },
    service.implementation,
  );
  const address = await listen(server, "127.0.0.1:0");
  const settings = { recipe: { ...RECIPE, size: 320 }, batchSize: 5, seed: 3 };
  const source = await connectData({ address, ...settings });
  let count = 0;
  for await (const { pixels } of source.batches({ epoch: 0, batch: 0 })) {
    assert.is(pixels.length, pixelBytes({ count: 5, size: 320 }));
    if (++count === 8) break;
  }
  await source.close();
  server.forceShutdown();
  // Of two messages a batch; what was written when the client left is not counted.
  const freed = frames.filter(({ message }) => message?.byteLength === 0);
  assert.ok(freed.length >= 2 * count, `${freed.length} of ${frames.length}`);
  assert.ok(frames.every(({ pixels }) => pixels.length > 0));
});

test("a received message is freed once its pixels are in their batch, and not where it is the batch", async () => {
  const batch = wireBatch(4, 160);
  const call = Object.assign(new EventEmitter(), { write() {}, cancel() {} });
  const open = { batchSize: 4, recipe: { size: 160 } };
  const unused = {
    errorOf: (error: unknown) => error as never,
    onClose() {},
    quietMs: 10_000,
    onQuiet() {},
    async ask() {},
  };
  const stream = new DataStream(call as never, open, unused);
  const received = (partBytes: number): BatchPart[] =>
    [...partsOf(batch, partBytes)].map((part) => {
      const serialized = encodePart(part);
      const frame = Buffer.allocUnsafeSlow(FRAME_HEADER_BYTES + serialized.byteLength);
      serialized.copy(frame, FRAME_HEADER_BYTES);
      return decodePart(frame.subarray(FRAME_HEADER_BYTES));
    });
  for (const [partBytes, isFreed] of [
    [pixelBytes(batch) / 2, true],
    [pixelBytes(batch), false],
  ] as const) {
    const parts = received(partBytes);
    for (const part of parts) call.emit("data", part);
    assert.ok(parts.every(({ message }) => (message?.byteLength === 0) === isFreed));
    assert.equal(Buffer.from((await stream.next()).pixels), Buffer.from(batch.pixels));
  }
  stream.close();
});

test("only what is nearly all of a large buffer is freed", () => {
  const freed = (view: Uint8Array): boolean => {
    freeMessage(view);
    return view.byteLength === 0;
  };
  const buffer = (bytes: number) => new Uint8Array(bytes + FRAME_HEADER_BYTES);
  assert.ok(freed(buffer(SMALLEST)));
  assert.ok(freed(buffer(SMALLEST).subarray(FRAME_HEADER_BYTES)));
  assert.not(freed(buffer(SMALLEST + 1).subarray(FRAME_HEADER_BYTES + 1)));
  assert.not(freed(buffer(SMALLEST).subarray(0, SMALLEST - 1)));
  assert.not(freed(buffer(1000)));
  assert.not(freed(new Uint8Array(new SharedArrayBuffer(SMALLEST))));
  freeMessage(undefined);
});

test("an assembler takes parts of any size, and refuses those that do not follow", () => {
  const batch = wireBatch(3, 16);
  const asked = pixelBytes(batch);
  for (const bytes of [1, 100, 768, asked - 1, asked]) {
    const assembler = new BatchAssembler(asked);
    const made = [...partsOf(batch, bytes)].map((part) => assembler.add(part));
    assert.ok(made.slice(0, -1).every((one) => one === null));
    assert.equal(Array.from(made.at(-1)?.pixels ?? []), Array.from(batch.pixels));
  }
  const [first, second, third] = partsOf(batch, 100);
  const refuses = (parts: BatchPart[], text: RegExp, limit = asked): void => {
    const assembler = new BatchAssembler(limit);
    for (const part of parts.slice(0, -1)) assembler.add(part);
    const isBad = (error: unknown): boolean =>
      isVitrineError(error) && error.code === "protocol/bad-batch" && text.test(error.message);
    assert.throws(() => assembler.add(parts[parts.length - 1]), isBad);
  };
  refuses([second], /pixels at 100 where those at 0/);
  refuses([first, third], /pixels at 200 where those at 100/);
  refuses([first, first], /pixels at 0 where those at 100/);
  refuses([first, second, second], /pixels at 100 where those at 200/);
  refuses([first, { ...second, pixels: new Uint8Array(0) }], /0 bytes of pixels at 100/);
  refuses([first, { ...second, pixels: new Uint8Array(asked) }], /bytes of pixels at 100 of/);
  refuses([first], /were asked for/, asked - 1);
});

test("grpc-js's frame gets the bytes of the message, its pixels aligned as they are in memory", () => {
  const batch = wireBatch(5, 17);
  for (const bytes of [64, 333, 4096])
    for (const part of partsOf(batch, bytes)) {
      // As a server of grpc-js does.
      const serialized = encodePart(part);
      const frame = Buffer.allocUnsafeSlow(FRAME_HEADER_BYTES + serialized.byteLength);
      serialized.copy(frame, FRAME_HEADER_BYTES);
      const decoded = decodePart(frame.subarray(FRAME_HEADER_BYTES));
      assert.is(decoded.offset, part.offset);
      assert.equal(Array.from(decoded.pixels), Array.from(part.pixels));
      assert.is(decoded.pixels.byteOffset % 8, part.pixels.byteOffset % 8);
    }
  const whole = encodeBatch(batch);
  assert.is(encodePart({ head: batch, offset: 0, pixels: batch.pixels }).byteLength, whole.length);
});

test.run();
