// Shared batches: streams that ask for the same batches read one decode of each, and none of them depends on another.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { BatchMaker, MadeBatch } from "../../runtime/batches/batch-maker.js";
import type { Cursor } from "../../runtime/batches/batch-source.js";
import type { BatchStream, Leased } from "../../runtime/batches/read-ahead.js";
import type { DecodePool } from "../../server/data/decode-task.js";
import { SharedBatches } from "../../server/data/shared-batches.js";

const BYTES = 8;
const PER_EPOCH = 100;
const START = { epoch: 0, batch: 0 };

/** Batches whose pixels are their index, and how often each was made. */
interface Made {
  shared: SharedBatches;
  /** Indices in the order in which they were started. */
  started: number[];
  canceled: number[];
  open(cursor?: Cursor, key?: string, stride?: number): BatchStream<MadeBatch>;
  /** Batches fail while it is set. */
  failing: boolean;
}

function createShared(keepBytes = Number.POSITIVE_INFINITY): Made {
  const pool = { allocate: (bytes: number) => new Uint8Array(bytes) } as DecodePool;
  const started: number[] = [];
  const canceled: number[] = [];
  const maker: BatchMaker = {
    batchesPerEpoch: PER_EPOCH,
    pixelBytes: BYTES,
    async make(cursor, pixels, signal) {
      const index = cursor.epoch * PER_EPOCH + cursor.batch;
      started.push(index);
      signal.addEventListener("abort", () => canceled.push(index));
      await turns(3);
      if (made.failing) throw new Error(`batch ${index} is bad`);
      signal.throwIfAborted();
      pixels.fill(index);
      return { cursor, pixels } as MadeBatch;
    },
  };
  const shared = new SharedBatches({ pool, keepBytes: () => keepBytes });
  const made: Made = {
    shared,
    started,
    canceled,
    open: (cursor = START, key = "one", stride = 1) => shared.open(key, () => maker, cursor, { stride }),
    failing: false,
  };
  return made;
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

async function next(stream: BatchStream<MadeBatch>): Promise<Leased<MadeBatch>> {
  const leased = await stream.next();
  if (leased === null) throw new Error("the stream ended");
  return leased;
}

/** Reads `count` batches, and checks that they are the expected ones when they are given back. */
async function read(stream: BatchStream<MadeBatch>, count: number, first = 0, stride = 1): Promise<void> {
  for (let i = 0; i < count; i++) {
    const { item, release } = await next(stream);
    await turns(1);
    assert.ok(item.pixels.every((byte) => byte === first + stride * i));
    release();
  }
}

const test = suite("shared batches");

test("eight streams of the same batches cost one decode of each", async () => {
  const made = createShared();
  const streams = Array.from({ length: 8 }, () => made.open());
  await Promise.all(streams.map((stream) => read(stream, 20)));
  await turns(5);
  assert.is(new Set(made.started).size, made.started.length, "none was made twice");
  assert.ok(made.started.length <= 23, "no more than is read ahead");
  assert.is(made.shared.counts.made, made.started.length);
});

test("a stream that comes a little later finds the last batches, one that falls behind finds all", async () => {
  const made = createShared();
  const early = made.open();
  await read(early, 5);
  const late = made.open();
  await read(late, 1);
  await read(early, 30, 5);
  await read(late, 34, 1);
  assert.is(new Set(made.started).size, made.started.length);
});

test("what is kept never exceeds its limit, and what is needed first is kept", async () => {
  const made = createShared(4 * BYTES);
  const [ahead, behind] = [made.open(), made.open()];
  await read(behind, 1);
  for (let i = 0; i < 30; i++) {
    await read(ahead, 1, i);
    assert.ok(made.shared.keptBytes <= 4 * BYTES, `${made.shared.keptBytes} bytes`);
  }
  await turns(5);
  const before = made.started.length;
  await read(behind, 7, 1);
  await turns(5);
  // The three read ahead were held, four more were kept, and three more are read ahead now.
  assert.ok(made.started.length - before <= 3, `${made.started.length - before} were made again`);
});

test("other batches are not shared, and cursors beyond the epoch are refused", async () => {
  const made = createShared();
  await Promise.all([read(made.open(START, "one"), 4), read(made.open(START, "two"), 4)]);
  assert.is(made.started.filter((index) => index === 0).length, 2);
  assert.throws(() => made.open({ epoch: 0, batch: PER_EPOCH + 1 }), /cursor/);
});

test("a stream that ends leaves the batches that another one waits for", async () => {
  const made = createShared();
  const [gone, stays] = [made.open(), made.open()];
  await turns(1);
  gone.close(new Error("gone"));
  await read(stays, 10);
  assert.equal(made.canceled, []);
  stays.close(new Error("gone, too"));
  assert.ok(made.canceled.length > 0, "nobody waits for them any more");
  await turns(10);
  assert.is(made.shared.keptBytes, 0, "nothing is kept for nobody");
});

test("memory that an ended stream may still be written from is not used again", async () => {
  const made = createShared(0);
  const [gone, stays] = [made.open(), made.open()];
  const { item } = await next(gone);
  gone.close(new Error("gone"));
  await read(stays, 20);
  assert.ok(item.pixels.every((byte) => byte === 0));
});

test("a batch that fails fails for all that wait for it, and is tried again by those that come later", async () => {
  const made = createShared();
  made.failing = true;
  const streams = [made.open(), made.open()];
  for (const stream of streams)
    assert.match(String(await stream.next().catch((error: unknown) => error)), /batch 0 is bad/);
  for (const stream of streams) stream.close(new Error("enough"));
  made.failing = false;
  await read(made.open(), 3);
});

test("strides and starting points of their own share what they have in common", async () => {
  const made = createShared();
  await Promise.all([
    read(made.open(START, "one", 2), 10, 0, 2),
    read(made.open({ epoch: 0, batch: 10 }), 10, 10),
  ]);
  const twice = made.started.filter((index, i) => made.started.indexOf(index) !== i);
  assert.equal(twice, []);
});

test.run();
