// Index file: a data set is the same from its index, in a fraction of the memory, and a damaged index is refused.

import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import { type Dataset, sampleLocation, sampleName, sampleNames } from "../../server/data/dataset.js";
import { hashSamples } from "../../server/data/hash-samples.js";
import { indexParts } from "../../server/data/index-file.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { readSample } from "../../server/data/read-sample.js";
import { rowAt, rowsOf, TableBuilder } from "../../server/data/sample-table.js";

const test = suite<{ root: string }>("index file");

test.before.each((context) => {
  context.root = mkdtempSync(join(tmpdir(), "vitrine-index-"));
});

test.after.each(({ root }) => rmSync(root, { recursive: true, force: true }));

function put(root: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
}

/** What a data set says, as plain values. */
const told = (dataset: Dataset) => ({
  names: sampleNames(dataset),
  labels: [...dataset.labels],
  locations: Array.from({ length: dataset.samples }, (_, i) => sampleLocation(dataset, i)),
  ...{ classes: dataset.classes, fingerprint: dataset.fingerprint, samples: dataset.samples },
  ...{ otherFiles: dataset.otherFiles, otherKinds: dataset.otherKinds, leftOut: dataset.leftOut },
});

async function writeIndex(dataset: Dataset, path: string): Promise<void> {
  writeFileSync(path, Buffer.concat(indexParts(dataset, path)));
}

test("rows of any length and order are read back, one by one and in order", () => {
  const builder = new TableBuilder();
  const name = (i: number) => `${"é/".repeat((i * 7) % 50)}${(i * 7919) % 1000}`;
  const row = (i: number) => [name(i), i ** 5, i + 0.123] as const;
  for (let i = 0; i < 1000; i++) builder.add(...row(i));
  const table = builder.finish();
  let at = 0;
  const seen = ({ name: bytes, size, modifiedMs }: { name: Uint8Array; size: number; modifiedMs: number }) =>
    [Buffer.from(bytes).toString(), size, modifiedMs] as const;
  for (const found of rowsOf(table)) assert.equal(seen(found), row(at++));
  assert.is(at, 1000);
  for (let i = 0; i < 1000; i++) assert.equal(seen(rowAt(table, (i * 389) % 1000)), row((i * 389) % 1000));
  const error = (() => {
    try {
      return rowAt(table, 1000);
    } catch (reason) {
      return reason;
    }
  })();
  assert.ok(isVitrineError(error) && error.code === "data/bad-place");
});

test("a million samples with ordinary names take less than 64 bytes each, names included", () => {
  const builder = new TableBuilder();
  for (let i = 0; i < 20_000; i++) {
    const folder = `n${String(1_440_764 + Math.floor(i / 1300)).padStart(8, "0")}`;
    builder.add(`${folder}/${folder}_${(i % 1300) * 7}.JPEG`, 110_000 + i, 1.7e12 + i / 3);
  }
  const { rows, starts } = builder.finish();
  assert.ok((rows.byteLength + starts.byteLength + 4 * 20_000) / 20_000 < 40);
});

test("a folder and a list are the same from an index, wherever it is and where they are moved", async ({
  root,
}) => {
  const photos = join(root, "photos");
  put(photos, { "b/2.jpg": "22", "a/1.jpg": "1", "a/x.txt": "", "c/ü.png": "333" });
  put(root, { "list.csv": "path,label\nphotos/b/2.jpg,3\nphotos/a/1.jpg,0\n" });
  for (const source of [photos, join(root, "list.csv")]) {
    const listed = await openDataset(source);
    for (const path of [join(root, "x.index"), join(photos, "x.index")]) {
      await writeIndex(listed, path);
      const opened = await openDataset(path);
      assert.is(opened.path, path);
      assert.equal(told(opened), told(listed));
      rmSync(path);
    }
  }
  await writeIndex(await openDataset(photos), join(root, "x.index"));
  renameSync(root, `${root}-moved`);
  const moved = await openDataset(join(`${root}-moved`, "x.index"));
  assert.is((await readSample(sampleLocation(moved, 1))).length, 2);
  renameSync(`${root}-moved`, root);
});

test("an index that is cut, changed in any byte, or lies with a right checksum is refused", async ({
  root,
}) => {
  put(root, { "p/a/1.jpg": "1", "p/b/2.jpg": "22", "p/b/3.jpg": "333" });
  const path = join(root, "x.index");
  await writeIndex(await openDataset(join(root, "p")), path);
  const good = readFileSync(path);
  const refused = async (bytes: Uint8Array, what: string) => {
    writeFileSync(path, bytes);
    const error = await openDataset(path).catch((reason: unknown) => reason);
    assert.ok(isVitrineError(error), `${what}: ${String(error)}`);
    return error;
  };
  for (let at = 0; at < good.length; at++) {
    const changed = Buffer.from(good);
    changed[at] ^= 1 << (at % 8);
    const { code } = await refused(changed, `byte ${at}`);
    // With another magic it is a list, of which nothing can be read.
    assert.is(code, at < 8 ? "data/bad-list" : "data/bad-index", `byte ${at}`);
  }
  for (const length of [8, 15, 16, 40, 100, good.length - 33, good.length - 1])
    assert.is((await refused(good.subarray(0, length), `${length} bytes`)).code, "data/bad-index");
  await refused(Buffer.concat([good, randomBytes(8)]), "longer");
  const next = Buffer.from(good);
  next.writeUInt32LE(2, 8);
  assert.match((await refused(next, "version")).message, /version 2 of the format; .* version 1; write it/);
});

test("tables that no builder wrote are refused before they are used", async ({ root }) => {
  put(root, { "p/a/1.jpg": "1", "p/b/2.jpg": "22", "p/b/3.jpg": "333" });
  const dataset = await openDataset(join(root, "p"));
  const { table } = dataset;
  const path = join(root, "x.index");
  const lies: Partial<Dataset>[] = [
    { labels: Int32Array.of(0, 1, 2) },
    { labels: Int32Array.of(0, -1, 1) },
    { samples: 4 },
    { samples: 2, labels: dataset.labels.subarray(0, 2) },
    { fingerprint: "x" },
    { table: { ...table, rows: table.rows.map((byte, at) => (at === 0 ? 7 : byte)) } },
    { table: { ...table, rows: table.rows.map((byte, at) => (at === 1 ? 200 : byte)) } },
    { table: { ...table, starts: Float64Array.of(1, table.rows.length) } },
    { table: { ...table, starts: Float64Array.of(0, 2 ** 40) } },
    { table: { ...table, hashes: new Uint8Array(32) } },
    { table: { ...table, shards: [{ name: "s.tar", bytes: 10 }] } },
    { table: { ...table, rows: new Uint8Array(table.rows.length).fill(255) } },
  ];
  for (const [i, lie] of lies.entries()) {
    await writeIndex({ ...dataset, ...lie }, path);
    const error = await openDataset(path).catch((reason: unknown) => reason);
    assert.ok(isVitrineError(error) && error.code === "data/bad-index", `lie ${i}: ${String(error)}`);
  }
});

test("with hashes the fingerprint and every read cover the content, and times do not count", async ({
  root,
}) => {
  const content = async (folder: string, text: string) => {
    put(join(root, folder), { "a/1.jpg": text, "b/2.jpg": "22" });
    return hashSamples(await openDataset(join(root, folder)));
  };
  const [one, same, other] = [
    await content("1", "abc"),
    await content("2", "abc"),
    await content("3", "abd"),
  ];
  assert.is(one.fingerprint, same.fingerprint);
  assert.is.not(one.fingerprint, other.fingerprint);
  assert.is.not(one.fingerprint, (await openDataset(join(root, "1"))).fingerprint);
  assert.is(
    (await openDataset(join(root, "1"))).fingerprint,
    (await openDataset(join(root, "3"))).fingerprint,
    "names, sizes and labels are equal",
  );
  const path = join(root, "x.index");
  await writeIndex(one, path);
  const opened = await openDataset(path);
  assert.equal(told(opened), told(one));
  const { mtimeMs } = statSync(join(root, "1/a/1.jpg"));
  writeFileSync(join(root, "1/a/1.jpg"), "abc");
  assert.is.not(statSync(join(root, "1/a/1.jpg")).mtimeMs, mtimeMs);
  assert.is((await readSample(sampleLocation(opened, 0))).length, 3);
  writeFileSync(join(root, "1/a/1.jpg"), "abx");
  const error = await readSample(sampleLocation(opened, 0)).catch((reason: unknown) => reason);
  assert.ok(isVitrineError(error) && error.code === "data/file-changed");
  assert.match(error.message, /1\.jpg: .*its SHA-256 is another one/);
  assert.is(sampleName(opened, 0), "a/1.jpg");
});

test("hashing stops at a file that cannot be read, or leaves it out", async ({ root }) => {
  put(root, { "a/1.jpg": "one", "a/2.jpg": "two", "b/3.jpg": "three", "b/4.jpg": "four" });
  const listed = await openDataset(root);
  rmSync(join(root, "a/1.jpg"));
  writeFileSync(join(root, "b/3.jpg"), "another size");
  const failed = await hashSamples(listed).catch((reason: unknown) => reason);
  assert.ok(isVitrineError(failed) && failed.code === "file/not-found", String(failed));
  const hashed = await hashSamples(listed, { mayLeaveOut: true });
  assert.match(
    hashed.leftOut,
    /^2 entries cannot be read and are left out: .*1\.jpg.*; .*3\.jpg.*has changed/,
  );
  rmSync(join(root, "a/1.jpg"), { force: true });
  rmSync(join(root, "b/3.jpg"));
  const others = await hashSamples(await openDataset(root));
  assert.equal(told({ ...hashed, leftOut: "" }), told(others));
  assert.is(hashed.fingerprint, others.fingerprint);
  const path = join(root, "x.index");
  await writeIndex(hashed, path);
  assert.equal(
    await readSample(sampleLocation(await openDataset(path), 1)),
    Uint8Array.from(Buffer.from("four")),
  );
  for (const name of ["a/2.jpg", "b/4.jpg"]) rmSync(join(root, name));
  const none = await hashSamples(listed, { mayLeaveOut: true }).catch((reason: unknown) => reason);
  assert.ok(isVitrineError(none) && none.code === "data/no-images", String(none));
});

test("a sentence of an index cannot command a terminal, and its number of classes is bounded", async ({
  root,
}) => {
  put(root, { "photos/a/1.jpg": "1" });
  const dataset = await openDataset(join(root, "photos"));
  const path = join(root, "photos.index");
  await writeIndex({ ...dataset, leftOut: "\u001b[31mred\n", otherKinds: "\u0007" }, path);
  const { leftOut, otherKinds } = await openDataset(path);
  assert.equal([leftOut, otherKinds], ["\\u001b[31mred\\n", "\\u0007"]);
  await writeIndex({ ...dataset, classes: new Array(2 ** 21).fill("") }, path);
  const error = await openDataset(path).catch((reason: unknown) => reason);
  assert.ok(isVitrineError(error) && error.code === "data/bad-index");
  const table = { ...dataset.table, rows: Uint8Array.from(dataset.table.rows, () => 255) };
  await writeIndex({ ...dataset, table }, path);
  const damaged = await openDataset(path).catch((reason: unknown) => reason);
  assert.ok(isVitrineError(damaged));
  assert.match(damaged.message, /photos\.index.*damaged.*write it again/);
});

test.run();
