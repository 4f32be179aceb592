// Shards: the same pictures as a folder, as tar files and as an index are the same data set with the same batches.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { decodePicture } from "../../runtime/image/picture.js";
import { type Dataset, sampleLocation, sampleNames } from "../../server/data/dataset.js";
import { pictureStats } from "../../server/data/dataset-stats.js";
import { indexParts } from "../../server/data/index-file.js";
import { type OpenOptions, openDataset } from "../../server/data/open-dataset.js";
import { openPipeline } from "../../server/data/pipeline.js";
import { readSample } from "../../server/data/read-sample.js";
import { expandBraces, SHARD_INDEX } from "../../server/data/shards/local-shards.js";
import { digestsOf, SMALL_RECIPE } from "./batch-digests.js";
import { createDataSet } from "./synthetic-data-set.js";
import { type TarContent, tarFile } from "./tar-file.js";

const test = suite<{ root: string }>("shards");

test.before.each((context) => {
  context.root = mkdtempSync(join(tmpdir(), "vitrine-shards-"));
});

test.after.each(({ root }) => rmSync(root, { recursive: true, force: true }));

function put(root: string, files: Record<string, string | Uint8Array>): void {
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), bytes);
  }
}

async function refusal(path: string, options: OpenOptions = {}) {
  const error = await openDataset(path, options).catch((reason: unknown) => reason);
  assert.ok(isVitrineError(error), String(error));
  assert.not.match(error.message, /\n/);
  return error;
}

async function digests(dataset: Dataset, workers = 0): Promise<string[]> {
  const settings = { recipe: SMALL_RECIPE, batchSize: 6, seed: 5, badSamples: "fail" } as const;
  const source = await openPipeline({ ...settings, dataset, workers });
  try {
    return await digestsOf(source, { epoch: 0, batch: 0 }, 6);
  } finally {
    await source.close();
  }
}

const contentOf = async (dataset: Dataset, index: number) =>
  Buffer.from(await readSample(sampleLocation(dataset, index))).toString();

test("the same pictures as folder, tar, shards with labels of every kind, and index have equal batches", async ({
  root,
}) => {
  const set = createDataSet(20);
  try {
    const folder = await openDataset(set.path);
    const expected = await digests(folder);
    const pictures = sampleNames(folder).map(
      (name, i) => ({ name, bytes: readFileSync(join(set.path, name)), label: folder.labels[i] }) as const,
    );
    type Picture = (typeof pictures)[number];
    const labeled = (beside: (picture: Picture) => TarContent[]) =>
      [pictures.slice(0, 9), pictures.slice(9, 10), pictures.slice(10)].map((some) =>
        tarFile(some.flatMap((picture) => [[picture.name, picture.bytes] as TarContent, ...beside(picture)])),
      );
    const key = (name: string) => name.replace(/\.jpg$/, "");
    const classesFile = { "classes.txt": `${folder.classes.join("\n")}\n` };
    const kinds: [kind: string, shards: Buffer[], others: Record<string, string>][] = [
      ["folders", labeled(() => []), {}],
      ["names", labeled(({ name, label }) => [[`${key(name)}.cls`, `${folder.classes[label]}\n`]]), {}],
      ["indices", labeled(({ name, label }) => [[`${key(name)}.cls`, `${label}`]]), classesFile],
      ["json", labeled(({ name, label }) => [[`${key(name)}.json`, `{"label": ${label}}`]]), classesFile],
    ];
    for (const [kind, shards, others] of kinds) {
      const path = join(root, kind);
      put(path, { "s-01.tar": shards[1], "s-02.tar": shards[2], "s-00.tar": shards[0], ...others });
      for (const given of [path, join(path, "s-{00..02}.tar")]) {
        const dataset = await openDataset(given);
        assert.is(dataset.fingerprint, folder.fingerprint, kind);
        assert.equal(sampleNames(dataset), sampleNames(folder));
        assert.equal(await digests(dataset, kind === "json" ? 2 : 0), expected, kind);
      }
    }
    const path = join(root, "names");
    const scanned = await openDataset(path);
    writeFileSync(join(path, SHARD_INDEX), Buffer.concat(indexParts(scanned, join(path, SHARD_INDEX))));
    // What the index says is taken, and the shards are not read again.
    writeFileSync(join(path, "s-01.tar"), new Uint8Array(statSync(join(path, "s-01.tar")).size));
    const opened = await openDataset(path);
    assert.equal([opened.path, opened.fingerprint], [path, folder.fingerprint]);
    assert.is((await refusal(path, { labelFrom: "auto" })).code, "data/bad-shard");
    truncateSync(join(path, "s-01.tar"), 5000);
    const changed = await refusal(path);
    assert.is(changed.code, "data/file-changed");
    assert.match(changed.message, /s-01\.tar has 5,000 bytes, and [\d,]+ by vitrine\.index/);
  } finally {
    set.remove();
  }
});

test("entries of one name up to the first dot belong together; others are counted", async ({ root }) => {
  put(root, {
    "a.tar": tarFile([
      ["x/1.cls", "2"],
      ["x/1.seg.png", "segmentation"],
      ["x/1.JPG", "one"],
      ["x/1.txt", "words"],
      ["x/._1.jpg", "hidden"],
      ["x/2.image.jpg", "two"],
      ["x/2.json", '{"cls": 0, "url": "…"}'],
      ["x/3.png", "three"],
      ["x/3.cls", "1.0"],
    ]),
  });
  const dataset = await openDataset(root);
  assert.equal(sampleNames(dataset), ["x/1.JPG", "x/2.image.jpg", "x/3.png"]);
  assert.equal([...dataset.labels], [2, 0, 1]);
  assert.equal(dataset.classes, ["", "", ""]);
  assert.is(dataset.otherKinds, "1 .txt");
  assert.equal(await Promise.all([0, 1, 2].map((index) => contentOf(dataset, index))), [
    "one",
    "two",
    "three",
  ]);
  assert.match(sampleLocation(dataset, 0).name, /a\.tar: x\/1\.JPG$/);
  const folders = await openDataset(join(root, "a.tar"), { labelFrom: "folder" });
  assert.equal([sampleNames(folders).length, folders.classes], [4, ["x"]]);
});

test("samples without a label or picture, and damaged shards, are named together or left out", async ({
  root,
}) => {
  const good = tarFile([
    ["1.jpg", "one"],
    ["1.cls", "cat"],
    ["2.jpg", "two"],
    ["3.cls", "cat"],
    ["4.jpg", "a"],
    ["4.png", "b"],
    ["4.cls", "cat"],
    ["5.jpg", "five"],
    ["5.cls", ""],
  ]);
  const cut = tarFile([
    ["6.jpg", "six"],
    ["6.cls", "dog"],
    ["7.jpg", "seven"],
    ["7.cls", "dog"],
  ]);
  put(root, { "a.tar": good, "b.tar": cut.subarray(0, 3 * 1024 + 100), "c.tar": cut });
  const { code, message } = await refusal(root);
  assert.is(code, "data/bad-shard");
  assert.match(
    message,
    /^5 entries cannot be listed: a\.tar: 2\.jpg: no \.cls or \.json entry that says its label; /,
  );
  for (const says of [
    /a\.tar: 3\.cls: no picture of that name/,
    /a\.tar: 4\.jpg: 2 pictures of one name/,
    /a\.tar: 5\.jpg: an empty label/,
    /b\.tar: the archive is cut: .*, at byte 3,072 \(/,
  ])
    assert.match(message, says);
  const dataset = await openDataset(root, { badSamples: "skip" });
  assert.equal(sampleNames(dataset), ["1.jpg", "6.jpg", "6.jpg", "7.jpg"]);
  assert.match(dataset.leftOut, /^5 entries cannot be listed and are left out/);
  assert.is(await contentOf(dataset, 3), "seven");
});

test("a label's entry that is too large is said to be, and decides nothing for the others", async ({
  root,
}) => {
  const large = "x".repeat(5_000);
  const files: TarContent[] = [
    ["a/1.jpg", "one"],
    ["a/1.cls", large],
    ["a/2.jpg", "two"],
    ["a/2.cls", "dog"],
    ["a/3.jpg", "three"],
    ["a/3.json", JSON.stringify({ label: "cat", note: "x".repeat(2 ** 20) })],
    ["a/4.jpg", "four"],
    ["a/4.json", JSON.stringify({ note: "x".repeat(2 ** 20) })],
    ["a/4.cls", "cat"],
  ];
  put(root, { "a.tar": tarFile(files) });
  const { message } = await refusal(root);
  assert.match(message, "a.tar: a/1.cls: a label's entry of 5,000 bytes; allowed: 4,096");
  assert.match(message, /a\.tar: a\/3\.json: a label's entry of 1,0\d\d,\d{3} bytes; allowed: 1,048,576/);
  const { classes, samples } = await openDataset(root, { badSamples: "skip" });
  assert.equal(classes, ["cat", "dog"]);
  assert.is(samples, 2);
  assert.is((await openDataset(root, { labelFrom: "folder" })).samples, 4);
});

test("labels that are mixed, out of range or without classes are refused", async ({ root }) => {
  const path = join(root, "a.tar");
  const shard = (...labels: string[]) =>
    writeFileSync(
      path,
      tarFile(
        labels.flatMap(
          (label, i) =>
            [
              [`${i}.jpg`, "x"],
              [`${i}.cls`, label],
            ] as TarContent[],
        ),
      ),
    );
  shard("1", "cat");
  assert.match((await refusal(path)).message, /a\.tar: 1\.jpg has the class name "cat" where 1 others/);
  shard("-1");
  assert.match((await refusal(path)).message, /class index -1; allowed: 0 to 999999/);
  writeFileSync(join(root, "classes.txt"), "cat\ndog\n");
  shard("0", "2");
  assert.match((await refusal(root)).message, /a\.tar: 1\.jpg has class index 2; allowed: 0 to 1/);
  writeFileSync(path, tarFile([["notes.txt", "x"]]));
  assert.match((await refusal(root)).message, /a\.tar: no pictures/);
  const left = await refusal(root, { badSamples: "skip" });
  assert.match(left.message, /no picture with a label in 1 shard; others are 1 \.txt; 1 entry cannot/);
  writeFileSync(path, tarFile([["1.jpg", "x"]]));
  assert.match((await refusal(path)).message, /1\.jpg: no folder that says its label/);
});

test("patterns expand with their zeros; what is missing or compressed is said", async ({ root }) => {
  assert.equal(expandBraces("a/s-{08..10}.tar"), ["a/s-08.tar", "a/s-09.tar", "a/s-10.tar"]);
  assert.equal(expandBraces("{0..1}-{7..8}.tar"), ["0-7.tar", "0-8.tar", "1-7.tar", "1-8.tar"]);
  assert.is(expandBraces("a/b.tar"), undefined);
  assert.throws(() => expandBraces("{0..999}{0..999}{0..1}.tar"), /\{0\.\.1\} is 2 names|is 1000 names/);
  assert.is((await refusal(join(root, "s-{5..1}.tar"))).code, "usage/bad-option");
  assert.is((await refusal(join(root, "s-{0..99999999999}.tar"))).code, "usage/bad-option");
  put(root, { "s-0.tar": tarFile([["a/1.jpg", "x"]]) });
  const missing = await refusal(join(root, "s-{0..1}.tar"));
  assert.is(missing.code, "file/not-found");
  assert.match(missing.message, /s-1\.tar: no such file/);
  put(join(root, "packed"), { "s.tar.gz": "x" });
  assert.match((await refusal(join(root, "packed"))).message, /s\.tar\.gz: a compressed archive.*unpack it/);
  put(join(root, "hub"), { "train-00000.parquet": "x" });
  assert.match((await refusal(join(root, "hub"))).message, /vitrine dataset pack --data/);
});

test("a range outside a shard that was cut later is a changed file", async ({ root }) => {
  const path = join(root, "a.tar");
  writeFileSync(path, tarFile([["a/1.jpg", "x".repeat(3000)]]));
  const dataset = await openDataset(path);
  truncateSync(path, 1000);
  const error = await readSample(sampleLocation(dataset, 0)).catch((reason: unknown) => reason);
  assert.ok(isVitrineError(error) && error.code === "data/file-changed", String(error));
  assert.match(error.message, /a\.tar: a\/1\.jpg: the file has changed/);
});

/** A record: red is its number, green the row, blue the column. */
function record(label: number[], number: number): number[] {
  const plane = (value: (row: number, column: number) => number) =>
    Array.from({ length: 1024 }, (_, i) => value(i >> 5, i & 31));
  return [...label, ...plane(() => number), ...plane((row) => row), ...plane((_, column) => column)];
}

test("CIFAR's binary files are pictures of 32 × 32 with their class names", async ({ root }) => {
  const ten = join(root, "ten");
  const names = Array.from({ length: 10 }, (_, i) => `class ${i}`);
  const batch = (...numbers: number[]) => Buffer.from(numbers.flatMap((n) => record([n % 10], n)));
  put(ten, {
    "data_batch_2.bin": batch(21, 22),
    "data_batch_1.bin": batch(11),
    "test_batch.bin": batch(99),
    "batches.meta.txt": `${names.join("\n")}\n\n`,
  });
  const dataset = await openDataset(ten);
  assert.equal([dataset.samples, [...dataset.labels], dataset.classes], [3, [1, 1, 2], names]);
  const { formats } = await pictureStats(await createImageModule(nodeHost()), dataset, () => {});
  assert.equal(formats, { CIFAR: 3 });
  assert.equal(sampleNames(dataset), [
    "data_batch_1.bin/00000",
    "data_batch_2.bin/00000",
    "data_batch_2.bin/00001",
  ]);
  const module = await createImageModule(nodeHost());
  const bytes = await readSample(sampleLocation(dataset, 2), { most: 10 });
  const { width, height, data } = await decodePicture(module, bytes);
  assert.equal([width, height], [32, 32]);
  assert.equal([...data.subarray(3 * (5 * 32 + 7), 3 * (5 * 32 + 7) + 3)], [22, 5, 7]);
  const test = await openDataset(join(ten, "test_batch.bin"));
  assert.equal([test.samples, test.classes[9]], [1, "class 9"]);
  const index = join(root, "ten.index");
  writeFileSync(index, Buffer.concat(indexParts(dataset, index)));
  assert.equal(
    sampleLocation(await openDataset(index), 2),
    sampleLocation(dataset, 2),
    "the layout is in the index",
  );
  const hundred = join(root, "hundred");
  put(hundred, { "train.bin": Buffer.from([...record([3, 77], 1), ...record([4, 5], 2)]) });
  const fine = await openDataset(hundred);
  assert.equal([[...fine.labels], fine.classes.length], [[77, 5], 100]);
  assert.is((await digests(await openDataset(await repeated(root)), 1)).length, 6);
  put(ten, { "data_batch_3.bin": batch(1).subarray(1) });
  assert.match(
    (await refusal(ten)).message,
    /data_batch_3\.bin: 3072 bytes are no whole number of records of 3073/,
  );
  put(hundred, { "train.bin": Buffer.from(record([3, 100], 1)) });
  assert.match((await refusal(hundred)).message, /label 100 at byte 0; allowed: 0 to 99/);
});

test("links in an archive are named, and names that share all before their dot are pictures of their own", async ({
  root,
}) => {
  const linked = tarFile([
    ["a/1.jpg", "1"],
    ["a/2.jpg", ""],
  ]);
  // The second header's type, which its checksum counts.
  const second = linked.subarray(1024, 1536);
  second[156] = "1".charCodeAt(0);
  second.write(
    `${(Number.parseInt(second.toString("latin1", 148, 154), 8) + 1).toString(8).padStart(6, "0")}`,
    148,
  );
  put(root, { "linked.tar": linked });
  assert.match((await refusal(join(root, "linked.tar"))).message, /a\/2\.jpg: a link, which has no content/);
  // One argument each would be more than a call can have.
  const entry = tarFile([["a/img.1.jpg", ""]]).subarray(0, 512);
  put(root, { "dotted.tar": Buffer.concat([...new Array<Buffer>(150_000).fill(entry), Buffer.alloc(1024)]) });
  assert.is((await openDataset(join(root, "dotted.tar"))).samples, 150_000);
});

/** Enough pictures for batches. */
async function repeated(folder: string): Promise<string> {
  const path = join(folder, "many");
  put(path, {
    "data_batch_1.bin": Buffer.from(Array.from({ length: 12 }, (_, n) => record([n % 10], n)).flat()),
  });
  return path;
}

test.run();
