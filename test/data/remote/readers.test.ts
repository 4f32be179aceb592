// Remote readers: samples at URLs through the decode pool are the pixels of local ones; several are read ahead, each once,
// and what goes wrong is the error of the task that needs it.

import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { DecodeOutcome } from "../../../runtime/batches/sample-task.js";
import { isVitrineError } from "../../../runtime/errors.js";
import { openDecodePool } from "../../../server/data/decode-pool.js";
import type { DecodePool } from "../../../server/data/decode-task.js";
import type { RemoteSettings } from "../../../server/data/remote/contract.js";
import { RemoteClient } from "../../../server/data/remote/remote-client.js";
import { RemoteReader } from "../../../server/data/remote/remote-reader.js";
import { RemoteReaders } from "../../../server/data/remote/remote-readers.js";
import { fileLocation, type SampleLocation } from "../../../server/data/sample-location.js";
import { createDataSet, type SyntheticDataSet } from "../synthetic-data-set.js";
import { etagOf, type ObjectServer, startObjectServer } from "./object-server.js";

interface Context {
  set: SyntheticDataSet;
  server: ObjectServer;
  local: SampleLocation[];
  /** The same pictures as ranges of one object. */
  remote: SampleLocation[];
  settings: RemoteSettings;
}

const test = suite<Context>("remote readers");
const SIZE = 16;
const COUNT = 24;
const TRANSFORM = { size: SIZE, cropRatio: 1, filter: "bicubic" } as const;
const signal = new AbortController().signal;

test.before((context) => {
  context.set = createDataSet(COUNT);
});

test.after(({ set }) => set.remove());

test.before.each(async (context) => {
  context.server = await startObjectServer();
  const folder = join(context.set.path, "cat");
  const files = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
  context.local = readdirSync(folder).map((name) => fileLocation(join(folder, name)));
  const shard = Buffer.concat(files);
  context.server.objects.set("bucket/shard.tar", shard);
  const file = `${context.server.url}/bucket/shard.tar`;
  let offset = 0;
  context.remote = files.map(({ length }, i) => {
    const location = { file, name: `shard.tar: ${i}`, offset, length, expected: { bytes: shard.length } };
    offset += length;
    return location;
  });
  context.settings = { retry: { retries: 2, baseMs: 1, capMs: 2, deadlineMs: 5_000 } };
});

test.after.each(({ server }) => server.close());

const openPool = (workers: number, settings: RemoteSettings) => openDecodePool(workers, settings);

/** Outcomes and pixels of the evaluation of all samples. */
async function evaluate(
  pool: DecodePool,
  locations: readonly SampleLocation[],
): Promise<{ pixels: Uint8Array; outcomes: DecodeOutcome[] }> {
  const pixels = pool.allocate(locations.length * SIZE * SIZE * 3);
  const outcomes = await Promise.all(
    locations.map((location, place) =>
      pool.run({ kind: "evaluation", location, place, ...TRANSFORM }, pixels, signal),
    ),
  );
  return { pixels, outcomes };
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (isVitrineError(error)) return error.code;
    throw error;
  }
  return "none";
}

for (const workers of [0, 2])
  test(`${workers} decode threads make of remote samples what they make of local ones`, async (context) => {
    const { pool, readers } = await openPool(workers, context.settings);
    const expected = await evaluate(pool, context.local);
    const found = await evaluate(pool, context.remote);
    assert.ok(Buffer.from(found.pixels).equals(expected.pixels));
    assert.ok(found.outcomes.every(([fault]) => fault === null));
    const counts = await readers?.counts();
    assert.is(counts?.requests, context.remote.length);
    assert.equal(
      context.server.requests.filter((request) => request.startsWith("HEAD")),
      ["HEAD bucket/shard.tar"],
      "the object is asked for its version once",
    );
    await pool.close();
  });

test("samples are read ahead, so that their latency is not waited for one by one", async (context) => {
  context.server.latencyMs = 30;
  const { pool } = await openPool(1, { ...context.settings, readsPerWorker: 6 });
  await evaluate(pool, context.remote);
  assert.ok(context.server.mostAtOnce() >= 4, `${context.server.mostAtOnce()}`);
  assert.ok(context.server.mostAtOnce() <= 6, `${context.server.mostAtOnce()}`);
  await pool.close();
});

test("with a cache, another run reads nothing from the server but the version", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-remote-readers-"));
  const settings = { ...context.settings, cache: { folder, bytes: 2 ** 30 } };
  const runs: Uint8Array[] = [];
  for (let run = 0; run < 2; run++) {
    context.server.requests.length = 0;
    const { pool, readers } = await openPool(2, settings);
    runs.push((await evaluate(pool, context.remote)).pixels);
    if (run === 1) assert.is((await readers?.counts())?.hits, context.remote.length);
    await pool.close();
  }
  assert.equal(context.server.requests, ["HEAD bucket/shard.tar"]);
  assert.ok(Buffer.from(runs[0]).equals(runs[1]));
  rmSync(folder, { recursive: true });
});

test("files with hashes are asked for no version, and what is not of the hash is never kept", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-remote-readers-"));
  const settings = { ...context.settings, cache: { folder, bytes: 2 ** 30 } };
  const photo = randomBytes(300_000);
  const request = {
    url: `${context.server.url}/bucket/photo.jpg`,
    expected: { bytes: photo.length, sha256: createHash("sha256").update(photo).digest("hex") },
  };
  const readOnce = async (): Promise<Uint8Array> => {
    context.server.requests.length = 0;
    const reader = await RemoteReader.open(settings, 4, assert.unreachable);
    try {
      return await reader.read(request);
    } finally {
      await reader.close();
    }
  };
  context.server.objects.set(
    "bucket/photo.jpg",
    photo.map((byte) => byte ^ 1),
  );
  assert.is(await refusal(readOnce()), "data/file-changed");
  context.server.objects.set("bucket/photo.jpg", photo);
  assert.ok(photo.equals(await readOnce()));
  assert.equal(context.server.requests, ["GET bucket/photo.jpg bytes=0-299999"]);
  assert.ok(photo.equals(await readOnce()));
  assert.equal(context.server.requests, []);
  rmSync(folder, { recursive: true });
});

test("a missing and a changed object are bad samples, and an unreachable one is not", async (context) => {
  const { pool } = await openPool(1, context.settings);
  const one = context.remote[0];
  const fault = async (location: SampleLocation) =>
    (await evaluate(pool, [location])).outcomes[0][0]?.error.code;
  assert.is(await fault({ ...one, file: `${one.file}x` }), "file/not-found");
  assert.is(await fault({ ...one, expected: { bytes: 7 } }), "data/file-changed");
  assert.is(
    await fault({ ...one, expected: { bytes: one.expected?.bytes ?? 0, etag: '"1"' } }),
    "data/file-changed",
  );
  context.server.fault = (_, response) => {
    response.writeHead(503);
    response.end();
    return true;
  };
  assert.is(await refusal(fault(one)), "network/http");
  context.server.fault = (_, response) => {
    response.writeHead(403);
    response.end();
    return true;
  };
  assert.is(await refusal(fault({ ...one, expected: {} as { bytes: number } })), "network/forbidden");
  context.server.fault = null;
  assert.is(await fault(one), undefined);
  await pool.close();
});

test("an object that is replaced between two reads is noticed", async (context) => {
  const { pool } = await openPool(1, context.settings);
  const [first, second] = context.remote;
  assert.is((await evaluate(pool, [first])).outcomes[0][0], null);
  const shard = context.server.objects.get("bucket/shard.tar") as Uint8Array;
  context.server.objects.set(
    "bucket/shard.tar",
    shard.map((byte) => byte ^ 1),
  );
  assert.is((await evaluate(pool, [second])).outcomes[0][0]?.error.code, "data/file-changed");
  await pool.close();
});

test("a reader whose thread is gone fails what waits and what comes", async ({ remote }) => {
  const readers = new RemoteReaders({}, 1, () => {});
  const client = new RemoteClient(readers.connect());
  const waiting = refusal(client.read({ url: remote[0].file, expected: { bytes: 10, etag: '"1"' } }));
  await readers.close();
  assert.match(await waiting, /^data\/(worker-died|file-changed)$/);
  assert.is(await refusal(client.read({ url: remote[0].file })), "data/worker-died");
});

test("readers whose thread died by itself still count, and end", async () => {
  const readers = new RemoteReaders({ cache: { folder: 1 as never, bytes: 2 ** 30 } }, 1, () => {});
  assert.is((await readers.failure).code, "data/worker-died");
  assert.is((await readers.counts()).requests, 0);
  await readers.close();
});

test("no more than the limit of requests is under way, and the same range is read once at a time", async (context) => {
  context.server.latencyMs = 5;
  const reader = await RemoteReader.open(context.settings, 3, () => {});
  const url = context.remote[0].file;
  const shard = context.server.objects.get("bucket/shard.tar") as Uint8Array;
  const expected = { bytes: shard.length, etag: etagOf(shard) };
  const reads = Array.from({ length: 12 }, (_, i) =>
    reader.read({ url, offset: 10 * i, length: 5, expected }),
  );
  assert.equal(Buffer.concat(await Promise.all(reads)).length, 60);
  assert.is(context.server.mostAtOnce(), 3);
  context.server.requests.length = 0;
  const [a, b] = await Promise.all([0, 1].map(() => reader.read({ url, offset: 3, length: 7, expected })));
  assert.is(context.server.requests.length, 1);
  assert.equal(a, b);
  assert.is.not(a.buffer, b.buffer);
  assert.is((await reader.read({ url, most: 9, expected })).length, 9);
  const huge = { url, expected: { bytes: 2 ** 40, etag: '"1"' } };
  assert.is(await refusal(reader.read(huge)), "file/unreadable");
  assert.is(
    await refusal(reader.read({ url, offset: shard.length, length: 1, expected })),
    "data/file-changed",
  );
  await reader.close();
});

test.run();
