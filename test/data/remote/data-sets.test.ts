// Remote data sets: a list, an index and a folder of a bucket are the data set of the same local files: the same
// fingerprint, and the same bytes in every batch.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Dataset, sampleLocation, sampleNames } from "../../../server/data/dataset.js";
import { indexParts } from "../../../server/data/index-file.js";
import { openDataset } from "../../../server/data/open-dataset.js";
import { openDatasetInThread } from "../../../server/data/open-in-thread.js";
import { openPipeline } from "../../../server/data/pipeline.js";
import type { RemoteSettings } from "../../../server/data/remote/contract.js";
import { digestsOf, SMALL_RECIPE } from "../batch-digests.js";
import { createDataSet, type SyntheticDataSet } from "../synthetic-data-set.js";
import { type ObjectServer, startObjectServer } from "./object-server.js";
import { refusal } from "./refusal.js";

interface Context {
  set: SyntheticDataSet;
  folder: Dataset;
  /** Digests of its batches. */
  expected: string[];
  server: ObjectServer;
  remote: RemoteSettings;
}

const test = suite<Context>("remote data sets");
const COUNT = 24;
const SETTINGS = { recipe: SMALL_RECIPE, batchSize: 8, seed: 3, badSamples: "fail", workers: 0 } as const;

/** Every file below a folder, its path relative to it. */
function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

test.before(async (context) => {
  process.env.AWS_ACCESS_KEY_ID = "test";
  process.env.AWS_SECRET_ACCESS_KEY = "5ecre7";
  context.set = createDataSet(COUNT);
  context.folder = await openDataset(context.set.path);
  context.expected = await digests(context.folder);
});

test.after(({ set }) => set.remove());

test.before.each(async (context) => {
  const { set } = context;
  context.server = await startObjectServer();
  for (const name of filesBelow(set.path))
    context.server.objects.set(`bucket/photos/${name}`, readFileSync(join(set.path, name)));
  const retry = { retries: 1, baseMs: 1, capMs: 2, deadlineMs: 5_000 };
  context.remote = { s3Endpoint: context.server.url, retry };
});

test.after.each(({ server }) => server.close());

/** A list of the data set's samples in their order. */
function listOf(dataset: Dataset, prefix = ""): string {
  const rows = sampleNames(dataset).map(
    (name, i) => `${prefix}${name},${dataset.classes[dataset.labels[i]]}\n`,
  );
  return `path,label\n${rows.join("")}`;
}

async function digests(dataset: Dataset): Promise<string[]> {
  const source = await openPipeline({ ...SETTINGS, dataset });
  try {
    return await digestsOf(source, { epoch: 1, batch: 0 }, 3);
  } finally {
    await source.close();
  }
}

test("a folder of a bucket is the data set of the same folder", async ({
  server,
  remote,
  folder,
  expected,
}) => {
  server.objects.set("bucket/photos/cat/", new Uint8Array());
  server.objects.set("bucket/photos/cat/.hidden.jpg", new Uint8Array(3));
  server.objects.set("bucket/photos/README.md", new Uint8Array(3));
  server.objects.set("bucket/photos/dog/notes.txt", new Uint8Array(3));
  server.objects.set("bucket/photos-2/cat/other.jpg", new Uint8Array(3));
  for (const url of ["s3://bucket/photos", "s3://bucket/photos/"]) {
    const dataset = await openDataset(url, { remote });
    assert.is(dataset.fingerprint, folder.fingerprint);
    assert.equal(dataset.classes, folder.classes);
    assert.is(dataset.otherKinds, "1 .txt, 1 outside the class folders");
    if (url.endsWith("/")) assert.equal(await digests(dataset), expected);
  }
});

test("a list at a URL is the data set of the same list here", async ({
  server,
  remote,
  set,
  folder,
  expected,
}) => {
  const text = listOf(folder);
  writeFileSync(join(set.path, "list.csv"), text);
  const local = await openDataset(join(set.path, "list.csv"));
  rmSync(join(set.path, "list.csv"));
  server.objects.set("bucket/photos/list.csv", Buffer.from(text));
  server.objects.set("bucket/photos/list.csv.gz", gzipSync(text));
  for (const url of [
    `${server.url}/bucket/photos/list.csv?X-Amz-Signature=5ecre7`,
    "s3://bucket/photos/list.csv",
    "s3://bucket/photos/list.csv.gz",
  ]) {
    const dataset = await openDatasetInThread(url, { remote });
    assert.is(dataset.fingerprint, local.fingerprint);
    assert.not.match(`${dataset.path} ${dataset.root}`, "5ecre7");
    if (url.startsWith("http")) assert.equal(await digests(dataset), expected);
  }
});

test("a long list of a bucket is checked by listing its folder, page by page", async ({ server, remote }) => {
  const names = Array.from({ length: 300 }, (_, i) => `many/${String(i).padStart(3, "0")}.jpg`);
  for (const name of names) server.objects.set(`bucket/${name}`, new Uint8Array(7));
  server.objects.set("bucket/list.txt", Buffer.from(names.map((name) => `${name} 1\n`).join("")));
  assert.is((await openDataset("s3://bucket/list.txt", { remote })).samples, 300);
  assert.equal(
    server.requests.filter((request) => request.startsWith("HEAD")),
    ["HEAD bucket/list.txt"],
  );
  server.latencyMs = 3;
  server.requests.length = 0;
  assert.is((await openDataset(`${server.url}/bucket/list.txt`, { remote })).samples, 300);
  assert.is(server.requests.filter((request) => request.startsWith("HEAD")).length, 301);
  assert.ok(server.mostAtOnce() > 8 && server.mostAtOnce() <= 64, `${server.mostAtOnce()}`);
});

test("rows without a file are named together, and left out under skip", async ({
  server,
  remote,
  folder,
}) => {
  const text = `${listOf(folder)}gone.jpg,cat\nhttps://elsewhere/x.jpg,cat\n`;
  server.objects.set("bucket/photos/list.csv", Buffer.from(text));
  const url = `${server.url}/bucket/photos/list.csv`;
  const { code, message } = await refusal(openDataset(url, { remote }));
  assert.is(code, "data/missing-file");
  assert.match(message, "gone.jpg: no such file");
  assert.match(message, "names a file elsewhere");
  const dataset = await openDataset(url, { remote, badSamples: "skip" });
  assert.is(dataset.samples, COUNT);
  assert.match(dataset.leftOut, "2 entries");
});

test("an index beside copies of its files needs no list, and no file's time", async ({
  server,
  remote,
  set,
  folder,
  expected,
}) => {
  const index = join(set.path, "..", "photos.index");
  const parts = indexParts(folder, index);
  server.objects.set(`bucket/photos.index`, Buffer.concat(parts));
  // Its files are relative to it, in the folder that the local one has.
  for (const name of filesBelow(set.path))
    server.objects.set(`bucket/${basename(set.path)}/${name}`, readFileSync(join(set.path, name)));
  for (const url of [`${server.url}/bucket/photos.index`, "s3://bucket/photos.index"]) {
    server.requests.length = 0;
    const dataset = await openDataset(url, { remote });
    assert.is(dataset.fingerprint, folder.fingerprint);
    assert.is(server.requests.length, 3);
    if (url.startsWith("http")) assert.equal(await digests(dataset), expected);
  }
});

test("an index of a bucket, written here, opens the bucket without listing it", async ({
  server,
  remote,
  folder,
  expected,
}) => {
  const work = mkdtempSync(join(tmpdir(), "vitrine-remote-index-"));
  const listed = await openDataset("s3://bucket/photos", { remote });
  writeFileSync(join(work, "x.index"), Buffer.concat(indexParts(listed, join(work, "x.index"))));
  server.requests.length = 0;
  const dataset = await openDataset(join(work, "x.index"), { remote });
  assert.equal(server.requests, []);
  assert.is(dataset.fingerprint, folder.fingerprint);
  assert.equal(await digests(dataset), expected);
  rmSync(work, { recursive: true });
});

test("a file that is replaced is a changed one, by size or by time", async ({ server, remote }) => {
  const dataset = await openDataset("s3://bucket/photos", { remote });
  const first = sampleLocation(dataset, 0);
  assert.is(first.file, "s3://bucket/photos/cat/000.jpg");
  assert.is(first.expected?.modifiedMs, Date.parse("2015-10-21T07:28:00Z"));
  server.fault = (request, response) => {
    if (!request.url?.includes("/cat/")) return false;
    const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "") ?? [];
    response.writeHead(206, {
      "content-range": `bytes ${from}-${to}/${first.expected?.bytes}`,
      "last-modified": "Wed, 21 Oct 2015 07:28:01 GMT",
    });
    response.end(Buffer.alloc(Number(to) - Number(from) + 1));
    return true;
  };
  assert.is((await refusal(digests(dataset))).code, "data/file-changed");
});

test("what is no data set is one typed line", async ({ server, remote }) => {
  server.objects.set("bucket/photos/list.csv", Buffer.from("a\nb\n"));
  server.objects.set("bucket/damaged.index", Buffer.from("VITRINE\x01 and no more"));
  server.objects.set("bucket/empty.csv", new Uint8Array());
  const codes = async (url: string) => (await refusal(openDataset(url, { remote }))).code;
  assert.is(await codes(`${server.url}/bucket/none.csv`), "file/not-found");
  assert.is(await codes(`${server.url}/bucket/`), "usage/data-url");
  assert.is(await codes(`${server.url}/bucket/photos/list.csv`), "data/bad-list");
  assert.is(await codes("s3://bucket/damaged.index"), "data/bad-index");
  assert.is(await codes("s3://bucket/empty.csv"), "data/bad-list");
  assert.is(await codes("s3://bucket/nothing"), "data/no-class-folders");
  assert.is(await codes("s3://bucket/photos/cat/"), "data/no-class-folders");
  assert.is(await codes("s3://x"), "usage/data-url");
  assert.is(
    (await refusal(openDataset("s3://bucket/photos", { remote: { s3Endpoint: "x" } }))).code,
    "usage/data-url",
  );
});

test.run();
