// Remote shards: tar shards at URLs are the data set of the same pictures in a folder, with and without an index beside them;
// each is read once, in pieces, and what was found is kept in the cache.

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Dataset, sampleLocation } from "../../../server/data/dataset.js";
import { openDataset } from "../../../server/data/open-dataset.js";
import { openPipeline } from "../../../server/data/pipeline.js";
import type { RemoteSettings } from "../../../server/data/remote/contract.js";
import { openStore } from "../../../server/data/remote/open-store.js";
import { openRemoteShard } from "../../../server/data/remote/shard-bytes.js";
import { SHARD_INDEX } from "../../../server/data/shards/local-shards.js";
import { packShards } from "../../../server/data/shards/pack-shards.js";
import { digestsOf, SMALL_RECIPE } from "../batch-digests.js";
import { createDataSet, type SyntheticDataSet } from "../synthetic-data-set.js";
import { tarFile } from "../tar-file.js";
import { etagOf, type ObjectServer, startObjectServer } from "./object-server.js";
import { refusal } from "./refusal.js";
import { bytesAt } from "./virtual-object.js";

interface Context {
  work: string;
  set: SyntheticDataSet;
  folder: Dataset;
  expected: string[];
  server: ObjectServer;
  remote: RemoteSettings;
}

const test = suite<Context>("remote shards");
const SETTINGS = { recipe: SMALL_RECIPE, batchSize: 8, seed: 3, badSamples: "fail", workers: 0 } as const;

async function digests(dataset: Dataset): Promise<string[]> {
  const source = await openPipeline({ ...SETTINGS, dataset });
  try {
    return await digestsOf(source, { epoch: 0, batch: 0 }, 3);
  } finally {
    await source.close();
  }
}

test.before(async (context) => {
  process.env.AWS_ACCESS_KEY_ID = "test";
  process.env.AWS_SECRET_ACCESS_KEY = "5ecre7";
  context.work = mkdtempSync(join(tmpdir(), "vitrine-remote-shards-"));
  context.set = createDataSet(24);
  context.folder = await openDataset(context.set.path);
  context.expected = await digests(context.folder);
  const options = { shardBytes: 20_000, hash: false, mayLeaveOut: false, onPacked: () => {} };
  await packShards(context.folder, join(context.work, "shards"), options);
});

test.after(({ set, work }) => {
  set.remove();
  rmSync(work, { recursive: true });
});

test.before.each(async (context) => {
  context.server = await startObjectServer();
  const folder = join(context.work, "shards");
  for (const name of readdirSync(folder))
    context.server.objects.set(`bucket/shards/${name}`, readFileSync(join(folder, name)));
  const retry = { retries: 1, baseMs: 1, capMs: 2, deadlineMs: 5_000 };
  context.remote = { s3Endpoint: context.server.url, retry };
});

test.after.each(({ server }) => server.close());

const shardsOf = ({ objects }: ObjectServer): string[] =>
  [...objects.keys()].filter((path) => path.endsWith(".tar"));

test("shards with an index are the folder's data set, and only the index is read", async (context) => {
  const { server, remote, folder, expected } = context;
  assert.ok(shardsOf(server).length > 2);
  for (const url of ["s3://bucket/shards", `${server.url}/bucket/shards/${SHARD_INDEX}`]) {
    server.requests.length = 0;
    const dataset = await openDataset(url, { remote });
    assert.ok(server.requests.every((request) => !request.includes(".tar")));
    assert.is(dataset.fingerprint, folder.fingerprint);
    if (url.startsWith("s3")) assert.equal(await digests(dataset), expected);
  }
});

test("shards without an index are read once, in pieces, and are the same data set", async (context) => {
  const { server, remote, folder, expected } = context;
  server.objects.delete(`bucket/shards/${SHARD_INDEX}`);
  const shards = shardsOf(server);
  const last = String(shards.length - 1).padStart(5, "0");
  for (const url of ["s3://bucket/shards/", `${server.url}/bucket/shards/shard-{00000..${last}}.tar`]) {
    server.requests.length = 0;
    const dataset = await openDataset(url, { remote });
    assert.is(dataset.fingerprint, folder.fingerprint);
    assert.is(server.requests.filter((request) => /GET .*\.tar/.test(request)).length, shards.length);
    if (url.startsWith("http")) assert.equal(await digests(dataset), expected);
  }
});

test("with a cache, shards are not read again until one of them changes", async (context) => {
  const { server, work, folder } = context;
  const remote = { ...context.remote, cache: { folder: join(work, "cache"), bytes: 2 ** 30 } };
  server.objects.delete(`bucket/shards/${SHARD_INDEX}`);
  const url = "s3://bucket/shards";
  const readAgain = async (): Promise<number> => {
    server.requests.length = 0;
    const dataset = await openDataset(url, { remote });
    assert.is(dataset.samples, folder.samples);
    return server.requests.filter((request) => /GET .*\.tar/.test(request)).length;
  };
  assert.is(await readAgain(), shardsOf(server).length);
  assert.is(await readAgain(), 0);
  const [kept] = readdirSync(join(work, "cache", "indexes"));
  const file = join(work, "cache", "indexes", kept);
  utimesSync(file, new Date(0), new Date(0));
  assert.is(await readAgain(), 0);
  assert.ok(statSync(file).mtimeMs > Date.now() - 60_000, "it is the file that was used last");
  assert.ok(statSync(join(work, "cache", "ledger")).size > 8, "its bytes are counted");
  writeFileSync(join(work, "cache", "indexes", kept), "damaged");
  assert.is(await readAgain(), shardsOf(server).length, "a damaged result is read again");
  const [shard] = shardsOf(server);
  const other = Uint8Array.from(server.objects.get(shard) as Uint8Array);
  // In a picture, behind its header.
  other[700] ^= 1;
  server.objects.set(shard, other);
  assert.is(await readAgain(), shardsOf(server).length, "an ETag is another one");
});

test("a shard that changes between listing and reading is noticed", async ({ server, remote }) => {
  const dataset = await openDataset("s3://bucket/shards", { remote });
  const { expected } = sampleLocation(dataset, 0);
  const [shard] = shardsOf(server);
  assert.is(expected?.etag, etagOf(server.objects.get(shard) as Uint8Array));
  for (const path of shardsOf(server)) {
    const bytes = server.objects.get(path) as Uint8Array;
    server.objects.set(
      path,
      bytes.map((byte) => byte ^ 1),
    );
  }
  assert.is((await refusal(digests(dataset))).code, "data/file-changed");
});

test("an index that does not fit its shards is refused, by name", async ({ server, remote }) => {
  const [shard] = shardsOf(server);
  const bytes = server.objects.get(shard) as Uint8Array;
  server.objects.set(shard, bytes.subarray(0, bytes.length - 512));
  const cut = await refusal(openDataset("s3://bucket/shards", { remote }));
  assert.is(cut.code, "data/file-changed");
  assert.match(cut.message, "shard-00000.tar has");
  server.objects.delete(shard);
  assert.match((await refusal(openDataset("s3://bucket/shards", { remote }))).message, "is missing");
});

test("a damaged shard, a missing one and a pattern in a folder are one line each", async ({
  server,
  remote,
}) => {
  const place = `${server.url}/bucket`;
  server.objects.set("bucket/one.tar", tarFile([["a/x.jpg", "picture"]]).subarray(0, 700));
  assert.is((await refusal(openDataset(`${place}/one.tar`, { remote }))).code, "data/bad-shard");
  assert.is((await refusal(openDataset(`${place}/none.tar`, { remote }))).code, "file/not-found");
  assert.is((await refusal(openDataset(`${place}/none-{0..3}.tar`, { remote }))).code, "file/not-found");
  assert.is((await refusal(openDataset(`${place}/{0..3}/a.tar`, { remote }))).code, "usage/bad-option");
  server.objects.set("bucket/packed/a.tar.gz", new Uint8Array(9));
  assert.is((await refusal(openDataset("s3://bucket/packed", { remote }))).code, "data/bad-shard");
});

test("the first shard that fails ends the reading of the others", async ({ server, remote }) => {
  // Eight shards of six pieces each, of which three are asked for at first.
  const entries = Array.from({ length: 12 }, (_, i): [string, string] => [`a/${i}.jpg`, "x".repeat(2 ** 21)]);
  const tar = tarFile(entries);
  for (let i = 0; i < 8; i++) server.objects.set(`bucket/s-${i}.tar`, tar);
  let asked = 0;
  let allAsked = () => {};
  const others = new Promise<void>((resolve) => {
    allAsked = resolve;
  });
  let answerOthers = () => {};
  const failed = new Promise<void>((resolve) => {
    answerOthers = resolve;
  });
  server.fault = async ({ method, url = "" }, response) => {
    if (method !== "GET" || !url.endsWith(".tar")) return false;
    if (!url.endsWith("s-3.tar")) {
      if (++asked === 7 * 3) allAsked();
      await failed;
      return false;
    }
    await others;
    response.writeHead(403).end();
    return true;
  };
  const { code, message } = await refusal(openDataset(`${server.url}/bucket/s-{0..7}.tar`, { remote }));
  assert.is(code, "network/forbidden");
  assert.match(message, "s-3.tar");
  answerOthers();
  await delay(200);
  assert.is(asked, 7 * 3, "nothing is read after the failure");
});

test("a shard's reader has every byte at every place, and skips what nobody asks for", async ({
  server,
  remote,
}) => {
  const length = 20 * 2 ** 20 + 7;
  const whole = bytesAt({ offset: 0, length });
  server.objects.set("bucket/large.tar", whole);
  const url = `${server.url}/bucket/large.tar`;
  const store = openStore(remote);
  const source = openRemoteShard(store, url, await store.version(url));
  const piece = 2 ** 22;
  for (const [offset, count] of [
    [0, 512],
    [700, 4096],
    [piece - 100, 200],
    [piece - 512, 100],
    [4 * piece - 5, piece - 20],
    [length - 7, 7],
  ])
    assert.ok(whole.subarray(offset, offset + count).equals(await source.read(offset, count)), `${offset}`);
  await source.close();
  server.requests.length = 0;
  const jumping = openRemoteShard(store, url, await store.version(url));
  await jumping.read(length - 7, 7);
  await jumping.close();
  assert.is(server.requests.filter((request) => request.startsWith("GET")).length, 1);
});

test.run();
