// Worker pool: a decode thread that dies is replaced and its work repeated; one that cannot work reports why.

import type { Worker } from "node:worker_threads";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createBatchMaker } from "../../runtime/batches/batch-maker.js";
import { openBatchStream } from "../../runtime/batches/batch-stream.js";
import { isVitrineError } from "../../runtime/errors.js";
import { batchDigest } from "../../server/data/batch-digest.js";
import { createWorkerPool, openDecodePool } from "../../server/data/decode-pool.js";
import type { DecodePool } from "../../server/data/decode-task.js";
import { locatedDataset } from "../../server/data/located-dataset.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { fileLocation } from "../../server/data/sample-location.js";
import { SMALL_RECIPE } from "./batch-digests.js";
import { createDataSet, type SyntheticDataSet } from "./synthetic-data-set.js";

const test = suite<{ set: SyntheticDataSet; expected: string[] }>("worker pool");

const COUNT = 12;

const firstOf = (set: SyntheticDataSet) => fileLocation(`${set.path}/cat/000.jpg`);

async function digests(
  { path }: SyntheticDataSet,
  pool: DecodePool,
  onBatch: (done: number) => Promise<void> = async () => {},
): Promise<string[]> {
  const { pool: unused, math } = await openDecodePool(0);
  await unused.close();
  const options = { recipe: SMALL_RECIPE, batchSize: 8, seed: 4, badSamples: "fail" } as const;
  const maker = createBatchMaker(pool, math, locatedDataset(await openDataset(path)), options);
  const stream = openBatchStream(pool, maker, { epoch: 0, batch: 0 });
  const seen: string[] = [];
  while (seen.length < COUNT) {
    const leased = await stream.next();
    if (leased === null) break;
    seen.push(batchDigest(leased.item));
    leased.release();
    await onBatch(seen.length);
  }
  stream.close(new Error("enough"));
  return seen;
}

test.before(async (context) => {
  context.set = createDataSet(40);
  const { pool } = await openDecodePool(0);
  context.expected = await digests(context.set, pool);
  await pool.close();
});

test.after(({ set }) => set.remove());

test("threads that die mid-batch are replaced, and not a byte changes", async ({ set, expected }) => {
  const pool = await createWorkerPool(2);
  const seen = await digests(set, pool, async (done) => {
    if (done % 3 === 0) await pool.threads[0]?.terminate();
  });
  assert.equal(seen, expected);
  assert.is(pool.replaced, 4);
  assert.is(pool.threads.length, 2);
  await pool.close();
  assert.is(pool.threads.length, 0);
});

test("when all threads die at once, nothing is lost either", async ({ set, expected }) => {
  const pool = await createWorkerPool(2);
  const seen = await digests(set, pool, async (done) => {
    if (done === 2) for (const thread of pool.threads) void thread.terminate();
  });
  assert.equal(seen, expected);
  await pool.close();
});

test("a thread that dies again and again before it is ready does not end a pool whose others work", async ({
  set,
  expected,
}) => {
  const pool = await createWorkerPool(2);
  const [survivor, victim] = pool.threads;
  const killed = new Set<Worker>([survivor]);
  void victim.terminate();
  const killer = setInterval(() => {
    for (const thread of pool.threads.filter((one) => !killed.has(one))) {
      if (killed.size === 6) continue;
      killed.add(thread);
      void thread.terminate();
    }
  }, 1);
  let ended = false;
  void pool.failure.then(() => {
    ended = true;
  });
  while (killed.size < 6 && !ended) await new Promise((resolve) => setTimeout(resolve, 5));
  clearInterval(killer);
  assert.not(ended, "the pool ended");
  assert.equal(await digests(set, pool), expected);
  assert.is(pool.threads[0], survivor);
  await pool.close();
});

test("a task that kills thread after thread is given up, naming its file", async ({ set }) => {
  const pool = await createWorkerPool(1);
  const location = firstOf(set);
  const task = { kind: "evaluation", location, place: 0, size: 2048, cropRatio: 0.875 } as const;
  // Each thread is killed as soon as it receives the task, which takes long enough to be interrupted.
  const killed = new Set<Worker>();
  const killer = setInterval(() => {
    for (const thread of pool.threads.filter((one) => !killed.has(one))) {
      killed.add(thread);
      thread.on("message", () => void thread.terminate());
    }
  }, 1);
  for (const thread of pool.threads) {
    killed.add(thread);
    void thread.terminate();
  }
  const run = pool.run(task, pool.allocate(2048 * 2048 * 3), new AbortController().signal);
  const error = await run.then(
    () => null,
    (reason) => reason,
  );
  clearInterval(killer);
  assert.ok(isVitrineError(error), "the task was done");
  assert.is(error.code, "data/worker-died");
  assert.match(error.message, /000\.jpg: 3 decode threads died decoding it/);
  await pool.close();
});

test("a thread that does not finish its task in time is replaced, and others' tasks go on", async ({
  set,
}) => {
  const pool = await createWorkerPool(1, { taskLimitMs: 40 });
  const { signal } = new AbortController();
  const task = { kind: "evaluation", location: firstOf(set), place: 0, cropRatio: 0.875 } as const;
  const late = pool.run({ ...task, size: 4096 }, pool.allocate(4096 * 4096 * 3), signal).then(
    () => null,
    (reason) => reason,
  );
  const other = pool.run({ ...task, size: 8 }, pool.allocate(8 * 8 * 3), new AbortController().signal);
  assert.equal(await other, [null]);
  const error = await late;
  assert.ok(isVitrineError(error), "the task was done");
  assert.is(error.code, "data/decode-timeout");
  assert.match(error.message, /000\.jpg: 3 decode threads in turn took longer than 0\.04 s/);
  await pool.close();
  assert.is(pool.blockedThreads, 0);
});

test("a task with an internal error rejects, and the thread survives", async ({ set, expected }) => {
  const pool = await createWorkerPool(1);
  const task = {
    kind: "evaluation",
    location: firstOf(set),
    place: 0,
    size: 32,
    cropRatio: 0,
  } as const;
  const run = pool.run(task, pool.allocate(32 * 32 * 3), new AbortController().signal);
  const error = await run.then(
    () => null,
    (reason) => reason,
  );
  assert.is(error?.code, "usage/bad-option");
  assert.equal(await digests(set, pool), expected);
  assert.is(pool.replaced, 0);
  await pool.close();
});

test("a task aborted while it is queued never starts", async ({ set }) => {
  const pool = await createWorkerPool(1);
  const task = {
    kind: "evaluation",
    location: firstOf(set),
    place: 0,
    size: 32,
    cropRatio: 0.9,
  } as const;
  const abort = new AbortController();
  const batches = Array.from({ length: 5 }, () => pool.allocate(32 * 32 * 3));
  const runs = batches.map((batch) => pool.run(task, batch, abort.signal).catch((error) => String(error)));
  abort.abort(new Error("enough"));
  const outcomes = await Promise.all(runs);
  assert.equal(outcomes.slice(2), ["Error: enough", "Error: enough", "Error: enough"]);
  // What comes behind the aborted ones is done after them, if they are done at all.
  await pool.run(task, pool.allocate(32 * 32 * 3), new AbortController().signal);
  assert.ok(batches.slice(2).every((batch) => batch.every((value) => value === 0)));
  await pool.close();
});

test("closing rejects what is queued", async ({ set }) => {
  const pool = await createWorkerPool(1);
  const task = {
    kind: "evaluation",
    location: firstOf(set),
    place: 0,
    size: 32,
    cropRatio: 0.9,
  } as const;
  const runs = Array.from({ length: 4 }, () =>
    pool.run(task, pool.allocate(32 * 32 * 3), new AbortController().signal).catch((error) => error.code),
  );
  await pool.close();
  assert.equal((await Promise.all(runs)).slice(2), ["data/pool-closed", "data/pool-closed"]);
});

test.run();
