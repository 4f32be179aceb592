// Packing: names that every reader of WebDataset finds, the same bytes each time, and nothing under its final name before
// it is complete.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import { sampleLocation, sampleNames } from "../../server/data/dataset.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { readSample } from "../../server/data/read-sample.js";
import { EntryNamer } from "../../server/data/shards/entry-names.js";
import { SHARD_INDEX } from "../../server/data/shards/local-shards.js";
import { type PackOptions, packShards } from "../../server/data/shards/pack-shards.js";
import { createDataSet } from "./synthetic-data-set.js";

const test = suite<{ root: string }>("pack shards");

test.before.each((context) => {
  context.root = mkdtempSync(join(tmpdir(), "vitrine-pack-"));
});

test.after.each(({ root }) => rmSync(root, { recursive: true, force: true }));

const OPTIONS: PackOptions = { shardBytes: 1e6, hash: false, mayLeaveOut: false, onPacked: () => {} };

test("entries have one dot, a picture's ending, and another name than their neighbor", () => {
  const namer = new EntryNamer();
  const named = (name: string | Uint8Array, content = "") => {
    const { picture, label } = namer.next(Buffer.from(name as string), Buffer.from(content));
    assert.is(label.toString("latin1").replace(/cls$/, ""), picture.toString("latin1").replace(/[^.]*$/, ""));
    return picture.toString("latin1");
  };
  const cases: [name: string, entry: string, content?: string][] = [
    ["n01/x.jpg", "n01/x.jpg"],
    ["n01/x.PNG", "n01/x_1.PNG"],
    ["n01/x_1.jpg", "n01/x_1_1.jpg"],
    ["n01/a.b.c.JPEG", "n01/a_b_c.JPEG"],
    ["n01/photo", "n01/photo.gif", "GIF89a"],
    ["n01/photo", "n01/photo_1.jpg", "\xff"],
    ["/data/./../.hidden/.x.jpg", "data/__/_hidden/_x.jpg"],
    ["v1.2/x.jpg", "v1.2/x.jpg"],
    ["x.jpg", "x.jpg"],
    ["x.jpg", "x_1.jpg"],
    ["data_batch_1.bin/00000", "data_batch_1.bin/00000.ppm", "P6 32 32 255\n"],
  ];
  for (const [name, entry, content] of cases) assert.is(named(name, content), entry, name);
  assert.is(named(Uint8Array.of(0xfe, 0x2e, 0x6a, 0x70, 0x67)), "\u00fe.jpg", "bytes stay as they are");
});

test("a pack keeps names, order, labels and contents, and is the same each time", async ({ root }) => {
  const set = createDataSet(12);
  try {
    mkdirSync(join(set.path, "fly"));
    writeFileSync(join(set.path, "cat", "odd.v2.jpg"), "odd");
    writeFileSync(join(set.path, "cat", "sound"), "GIF89a");
    const dataset = await openDataset(set.path);
    const packed = await packShards(dataset, join(root, "a"), { ...OPTIONS, shardBytes: 10_000 });
    await packShards(dataset, join(root, "b"), { ...OPTIONS, shardBytes: 10_000 });
    assert.equal(readdirSync(root).sort(), ["a", "b"], "nothing else is left");
    for (const name of readdirSync(join(root, "a")))
      assert.equal(readFileSync(join(root, "a", name)), readFileSync(join(root, "b", name)), name);
    for (const opened of [packed, await openDataset(join(root, "a"))]) {
      assert.is(opened.fingerprint, dataset.fingerprint);
      assert.equal(sampleNames(opened), sampleNames(dataset));
      assert.equal([[...opened.labels], opened.classes], [[...dataset.labels], dataset.classes]);
      for (let i = 0; i < dataset.samples; i++)
        assert.equal(
          await readSample(sampleLocation(opened, i)),
          await readSample(sampleLocation(dataset, i)),
        );
    }
    const scanned = await openDataset(join(root, "a"), { labelFrom: "cls" });
    assert.equal(
      sampleNames(scanned),
      sampleNames(dataset).map(
        (name) => ({ "cat/odd.v2.jpg": "cat/odd_v2.jpg", "cat/sound": "cat/sound.gif" })[name] ?? name,
      ),
    );
    assert.equal([[...scanned.labels], scanned.classes], [[...dataset.labels], dataset.classes]);
    const hashed = await packShards(dataset, join(root, "c"), { ...OPTIONS, hash: true });
    assert.is((await openDataset(join(root, "c"))).fingerprint, hashed.fingerprint);
    assert.is.not(hashed.fingerprint, dataset.fingerprint);
    const shard = readFileSync(join(root, "c", "shard-00000.tar"));
    shard[700] ^= 1;
    writeFileSync(join(root, "c", "shard-00000.tar"), shard);
    const changed = await readSample(sampleLocation(hashed, 0)).catch((error: unknown) => error);
    assert.ok(isVitrineError(changed) && changed.code === "data/file-changed", "contents are compared");
  } finally {
    set.remove();
  }
});

test("a pack in another order is another data set with the same pictures and labels", async ({ root }) => {
  const set = createDataSet(12);
  try {
    const dataset = await openDataset(set.path);
    const indexAt = (place: number) => (place * 5) % 12;
    const packed = await packShards(dataset, join(root, "a"), { ...OPTIONS, indexAt });
    const names = sampleNames(dataset);
    assert.equal(
      sampleNames(packed),
      names.map((_, place) => names[indexAt(place)]),
    );
    assert.equal(
      [...packed.labels],
      names.map((_, place) => dataset.labels[indexAt(place)]),
    );
    assert.is.not(packed.fingerprint, dataset.fingerprint);
    assert.equal(await readSample(sampleLocation(packed, 1)), await readSample(sampleLocation(dataset, 5)));
  } finally {
    set.remove();
  }
});

test("a picture that cannot be read stops the pack and leaves nothing, or is left out", async ({ root }) => {
  const set = createDataSet(6);
  try {
    const dataset = await openDataset(set.path);
    rmSync(join(set.path, "cat", "003.jpg"));
    const out = join(root, "shards");
    const error = await packShards(dataset, out, OPTIONS).catch((reason: unknown) => reason);
    assert.ok(isVitrineError(error) && error.code === "file/not-found", String(error));
    assert.equal(readdirSync(root), []);
    mkdirSync(out);
    const packed = await packShards(dataset, out, { ...OPTIONS, mayLeaveOut: true });
    assert.is(packed.samples, 5);
    assert.match(packed.leftOut, /^1 entry .* left out: .*003\.jpg: no such file/);
    const opened = await openDataset(out);
    assert.equal([...opened.labels], [0, 1, 1, 2, 2]);
    assert.is(opened.leftOut, packed.leftOut);
    writeFileSync(join(root, "file"), "");
    const inFile = await packShards(opened, join(root, "file", "x"), OPTIONS).catch(
      (reason: unknown) => reason,
    );
    assert.ok(isVitrineError(inFile) && inFile.code === "file/unwritable", String(inFile));
    assert.ok(existsSync(join(out, SHARD_INDEX)));
  } finally {
    set.remove();
  }
});

test("what a pack cannot be is said before it is written, and leaves nothing", async ({ root }) => {
  const set = createDataSet(3);
  const refusal = async (path: string, out: string) => {
    const error = await openDataset(path)
      .then((dataset) => packShards(dataset, out, OPTIONS))
      .catch((reason: unknown) => reason);
    assert.ok(isVitrineError(error), String(error));
    return error;
  };
  try {
    symlinkSync(set.path, join(root, "link"));
    for (const out of [join(set.path, "pack"), join(root, "link", "new", "pack")])
      assert.match((await refusal(set.path, out)).message, /is in the data set's folder/);
    assert.equal(readdirSync(set.path).sort(), ["cat", "dog", "emu"]);
    mkdirSync(join(root, "empty"));
    symlinkSync("empty", join(root, "out"));
    const error = await refusal(set.path, join(root, "out"));
    assert.is(error.code, "file/unwritable");
    assert.match(error.message, /give a new folder in it/);
    // It may be the current folder, to which the data set's path is relative.
    const current = join(root, "current");
    mkdirSync(current);
    const onPacked = () =>
      assert.ok(existsSync(current), "the empty folder stays until the pack is complete");
    await packShards(await openDataset(set.path), current, { ...OPTIONS, onPacked });
    rmSync(current, { recursive: true });
    mkdirSync(join(set.path, "two\nlines"));
    assert.match((await refusal(set.path, join(root, "a"))).message, /"two\\nlines" has a line break/);
    assert.equal(readdirSync(root).sort(), ["empty", "link", "out"]);
    writeFileSync(join(root, "list.csv"), `path,label\n${join(set.path, "cat", "000.jpg")},0\n`);
    await packShards(await openDataset(join(root, "list.csv")), join(root, "beside"), OPTIONS);
  } finally {
    set.remove();
  }
});

test.run();
