// Parquet: pictures of the Hugging Face Hub's files become shards with their names, labels and bytes; damaged and hostile
// files are errors that name the place, and take neither memory nor time.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { CompressionCodec, FileMetaData } from "hyparquet";
import { parquetMetadata } from "hyparquet";
import { parquetWriteBuffer } from "hyparquet-writer";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError, type VitrineError } from "../../runtime/errors.js";
import { type Dataset, sampleLocation, sampleNames } from "../../server/data/dataset.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { openParquet, parquetFiles } from "../../server/data/parquet/parquet-pictures.js";
import { type ParquetFile, readGroup, sizeOfGroup } from "../../server/data/parquet/row-group.js";
import { readSample } from "../../server/data/read-sample.js";
import { packPictures } from "../../server/data/shards/pack-shards.js";
import { ARROW_CLASSES, ARROW_PARQUET, arrowRow } from "./arrow-parquet.js";
import { runVitrine } from "./server-process.js";

const test = suite<{ root: string }>("parquet");

test.before.each((context) => {
  context.root = mkdtempSync(join(tmpdir(), "vitrine-parquet-"));
});

test.after.each(({ root }) => rmSync(root, { recursive: true, force: true }));

type SchemaElement = NonNullable<Parameters<typeof parquetWriteBuffer>[0]["schema"]>[number];

interface Row {
  image: { bytes?: Uint8Array; path?: string } | Uint8Array | null;
  label: number | string | null;
}

interface Written {
  classNames?: readonly string[];
  codec?: CompressionCodec;
  group?: number;
  /** Physical type of integers. */
  integer?: "INT32" | "INT64";
}

/** A file as `datasets` writes it. */
function parquet(rows: readonly Row[], options: Written = {}): Buffer {
  const { classNames, codec, group = 100, integer = "INT64" } = options;
  const isStruct = rows.some(({ image }) => image !== null && !(image instanceof Uint8Array));
  const bytes: SchemaElement = { name: "bytes", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" };
  const path: SchemaElement = { ...bytes, name: "path", converted_type: "UTF8" };
  const image: SchemaElement[] = isStruct
    ? [{ name: "image", num_children: 2, repetition_type: "OPTIONAL" }, bytes, path]
    : [{ ...bytes, name: "image" }];
  const isText = rows.some(({ label }) => typeof label === "string");
  const label: SchemaElement = isText
    ? { ...path, name: "label" }
    : { name: "label", type: integer, repetition_type: "OPTIONAL" };
  const toInteger = (value: number) => (integer === "INT64" ? BigInt(value) : value);
  const features = {
    image: { _type: "Image" },
    label: classNames ? { names: classNames, _type: "ClassLabel" } : { dtype: "int64", _type: "Value" },
  };
  return Buffer.from(
    parquetWriteBuffer({
      columnData: [
        { name: "image", data: rows.map((row) => row.image) },
        {
          name: "label",
          data: rows.map((row) => (typeof row.label === "number" ? toInteger(row.label) : row.label)),
        },
      ],
      schema: [{ name: "root", num_children: 2 }, ...image, label],
      ...(codec && { codec, compressors: { GZIP: (input) => gzipSync(input), LZ4_RAW: (input) => input } }),
      rowGroupSize: group,
      kvMetadata: [{ key: "huggingface", value: JSON.stringify({ info: { features } }) }],
    }),
  );
}

/** Ten bytes that no other row has, and a compressible rest. */
const content = (row: number): Uint8Array =>
  Uint8Array.from(Buffer.from(`picture ${String(row).padStart(2, "0")}${"x".repeat(40 + row)}`));

async function pack(path: string, out: string, mayLeaveOut = false): Promise<Dataset> {
  const files = parquetFiles(path) as string[];
  const source = await openParquet(path, files, { mayLeaveOut, onRows: () => {} });
  await packPictures(source, out, { shardBytes: 1e6, hash: false, mayLeaveOut, onPacked: () => {} });
  return openDataset(out);
}

async function refusal(promise: Promise<unknown>): Promise<VitrineError> {
  const error = await promise.then(
    () => assert.unreachable("it was accepted"),
    (cause: unknown) => cause,
  );
  if (!isVitrineError(error)) throw error;
  return error;
}

test("names, labels, classes and bytes of all row groups, in every form that datasets writes", async ({
  root,
}) => {
  const classNames = ["zebra", "ant", "bee"];
  const rows = Array.from({ length: 25 }, (_, row) => ({
    image: { bytes: content(row), path: `p${row % 20}.jpg` },
    label: row % 3,
  }));
  for (const [codec, integer] of [
    ["SNAPPY", "INT64"],
    ["UNCOMPRESSED", "INT32"],
    ["GZIP", "INT64"],
  ] as const) {
    const folder = join(root, codec);
    mkdirSync(folder);
    const written: Written = { classNames, group: 10, integer, codec };
    writeFileSync(join(folder, "train-00000-of-00002.parquet"), parquet(rows.slice(0, 21), written));
    writeFileSync(join(folder, "train-00001-of-00002.parquet"), parquet(rows.slice(21), written));
    const dataset = await pack(folder, join(folder, "out"));
    assert.equal(dataset.classes, classNames, "not sorted: the file's own order");
    assert.equal(
      [...dataset.labels],
      rows.map(({ label }) => label),
    );
    assert.is(sampleNames(dataset)[24], "train-00001-of-00002/p4.jpg");
    for (let i = 0; i < rows.length; i++)
      assert.equal(await readSample(sampleLocation(dataset, i)), content(i), `row ${i}, ${codec}`);
  }
});

test("a file of Arrow, with data pages of version 1, dictionaries and Snappy", async ({ root }) => {
  const file = join(root, "train.parquet");
  writeFileSync(file, ARROW_PARQUET);
  const { row_groups: groups } = parquetMetadata(new Uint8Array(ARROW_PARQUET).buffer);
  const pages = groups[0].columns.flatMap(({ meta_data: meta }) => meta?.encoding_stats ?? []);
  assert.equal(new Set(pages.map(({ page_type: type }) => type)), new Set(["DICTIONARY_PAGE", "DATA_PAGE"]));
  const dataset = await pack(file, join(root, "out"));
  assert.equal(dataset.classes, ARROW_CLASSES);
  assert.is(dataset.samples, 12);
  for (let i = 0; i < 12; i++) {
    const { path, bytes, label } = arrowRow(i);
    assert.is(sampleNames(dataset)[i].split("/").at(-1), path);
    assert.equal(Buffer.from(await readSample(sampleLocation(dataset, i))), bytes);
    assert.is(dataset.labels[i], label);
  }
});

test("a compression that is not read is named, with those that are", async ({ root }) => {
  const file = join(root, "train.parquet");
  writeFileSync(
    file,
    parquet([{ image: { bytes: content(0), path: "p.jpg" }, label: 0 }], { codec: "LZ4_RAW" }),
  );
  const error = await pack(file, join(root, "out")).catch((reason: unknown) => reason);
  assert.ok(isVitrineError(error) && error.code === "data/parquet");
  assert.match(error.message, /compressed by "?LZ4_RAW"?; allowed: UNCOMPRESSED, SNAPPY/);
});

test("bytes without a structure, and labels that are text or have no names", async ({ root }) => {
  const path = join(root, "0000.parquet");
  const labels = ["dog", "cat", "dog"];
  writeFileSync(path, parquet(labels.map((label, row) => ({ image: content(row), label }))));
  const named = await pack(path, join(root, "named"));
  assert.equal(
    [named.classes, [...named.labels]],
    [
      ["cat", "dog"],
      [1, 0, 1],
    ],
  );
  assert.equal(sampleNames(named)[0], "0000/00000000");
  assert.equal(await readSample(sampleLocation(named, 2)), content(2));

  writeFileSync(path, parquet([3, 0, 1].map((label, row) => ({ image: content(row), label }))));
  const counted = await pack(path, join(root, "counted"));
  assert.equal(
    [counted.classes, [...counted.labels]],
    [
      ["", "", "", ""],
      [3, 0, 1],
    ],
  );
});

test("the same picture in many rows is written once in a dictionary, and read for each", async ({ root }) => {
  const path = join(root, "x.parquet");
  const rows = Array.from({ length: 12 }, (_, row) => ({ image: { bytes: content(row % 2) }, label: 0 }));
  writeFileSync(path, parquet(rows));
  const dataset = await pack(path, join(root, "out"));
  assert.is(dataset.samples, 12);
  assert.equal(await readSample(sampleLocation(dataset, 11)), content(1));
});

test("rows without bytes or label stop a pack, or are left out", async ({ root }) => {
  const path = join(root, "x.parquet");
  const rows: Row[] = [
    { image: { bytes: content(0) }, label: 1 },
    { image: { path: "elsewhere.jpg" }, label: 1 },
    { image: { bytes: content(2) }, label: null },
    { image: null, label: 0 },
    { image: { bytes: content(4) }, label: 0 },
  ];
  writeFileSync(path, parquet(rows));
  const fault = await refusal(pack(path, join(root, "a")));
  assert.is(fault.code, "data/parquet");
  assert.match(fault.message, /row 2 has no label/);
  writeFileSync(path, parquet(rows.filter((_, row) => row !== 2)));
  const noBytes = await refusal(pack(path, join(root, "b")));
  assert.match(noBytes.message, /row 1 has no bytes of elsewhere.jpg, only its name/);
  writeFileSync(path, parquet(rows));
  const kept = await pack(path, join(root, "c"), true);
  assert.equal([...kept.labels], [1, 0]);
  assert.equal(await readSample(sampleLocation(kept, 1)), content(4));
});

test("a folder of several splits, other columns and other class names are named", async ({ root }) => {
  const rows = [{ image: { bytes: content(0) }, label: 0 }];
  writeFileSync(join(root, "train-00000-of-00001.parquet"), parquet(rows, { classNames: ["a"] }));
  writeFileSync(join(root, "test-00000-of-00001.parquet"), parquet(rows, { classNames: ["b"] }));
  assert.throws(
    () => parquetFiles(root),
    (error: VitrineError) => /several splits \(test, train\).*test\*\.parquet/.test(error.message),
  );
  assert.equal(parquetFiles(join(root, "train-*.parquet")), [join(root, "train-00000-of-00001.parquet")]);
  assert.throws(() => parquetFiles(join(root, "val-*.parquet")), /no file has a name of this form/);
  assert.is(parquetFiles(join(root, "x.csv")), undefined);
  assert.match(
    (await refusal(pack(join(root, "t*.parquet"), join(root, "out")))).message,
    /other class names/,
  );
  const text = Buffer.from(
    parquetWriteBuffer({ columnData: [{ name: "text", data: ["a"], type: "STRING" }] }),
  );
  writeFileSync(join(root, "text.parquet"), text);
  const noPictures = await refusal(pack(join(root, "text.parquet"), join(root, "out")));
  assert.match(noPictures.message, /no column of pictures .* columns: text/);
});

test("damaged files are errors: every cut, and every changed byte of the footer and the headers", async ({
  root,
}) => {
  const path = join(root, "x.parquet");
  const whole = parquet(
    Array.from({ length: 8 }, (_, row) => ({ image: { bytes: content(row) }, label: row % 2 })),
    { group: 4 },
  );
  const codes = new Set<string>();
  const attempt = async (bytes: Uint8Array) => {
    writeFileSync(path, bytes);
    const out = join(root, "out");
    const error = await pack(path, out).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    rmSync(out, { recursive: true, force: true });
    if (error !== undefined && !isVitrineError(error)) throw error;
    if (isVitrineError(error)) codes.add(error.code);
    return error;
  };
  for (let length = 0; length < whole.length; length += 1201)
    assert.ok(await attempt(whole.subarray(0, length)), `cut at ${length}`);
  for (let at = 0; at < whole.length; at += 211) {
    const changed = Buffer.from(whole);
    changed[at] ^= 0xff;
    await attempt(changed);
  }
  assert.equal([...codes], ["data/parquet"]);
});

/** A file in memory, with its metadata to be changed. */
function fileOf(bytes: Buffer): ParquetFile {
  const metadata = parquetMetadata(bytes);
  return {
    ...{ path: "x.parquet", bytes: bytes.length, metadata },
    dataEnd: bytes.length - 8 - metadata.metadata_length,
    read: (start, length) => Uint8Array.from(bytes.subarray(start, start + length)).buffer,
  };
}

/** With other bytes from the place on where `from` is. */
function replaced(bytes: Buffer, from: readonly number[], to: readonly number[]): Buffer {
  const at = bytes.indexOf(Buffer.from(from));
  assert.ok(at >= 0, "the bytes are there");
  const changed = Buffer.from(bytes);
  changed.set(to, at);
  return changed;
}

const EIGHT_ROWS = Array.from({ length: 8 }, (_, row) => ({ image: content(row), label: row % 2 }));

test("what the footer claims is compared with the file", async () => {
  const whole = parquet(EIGHT_ROWS, { codec: "UNCOMPRESSED" });
  assert.equal(
    await readGroup(fileOf(whole), 0, "image"),
    EIGHT_ROWS.map(({ image }) => image),
  );
  type Group = FileMetaData["row_groups"][number];
  const claim = async (
    change: (group: Group, meta: NonNullable<Group["columns"][0]["meta_data"]>) => void,
  ) => {
    const file = fileOf(whole);
    const [group] = file.metadata.row_groups;
    const meta = group?.columns[0]?.meta_data;
    assert.ok(group && meta);
    change(group, meta);
    const error = await refusal(
      (async () => [sizeOfGroup(file, 0, "image"), await readGroup(file, 0, "image")])(),
    );
    assert.is(error.code, "data/parquet");
    return error.message;
  };
  assert.match(
    await claim((group, meta) => (group.num_rows = meta.num_values = 2n ** 40n)),
    /claims 1099511627776 pictures/,
  );
  assert.match(await claim((group) => (group.num_rows = 9n)), /8 values for 9 rows/);
  assert.match(
    await claim((_, meta) => (meta.total_compressed_size = 2n ** 33n)),
    /the file's columns end at/,
  );
  assert.match(await claim((_, meta) => (meta.data_page_offset = -1n)), /bytes -1 to/);
  assert.match(
    await claim((_, meta) => (meta.total_uncompressed_size = 2n ** 40n)),
    /allowed: 1,073,741,824/,
  );
  assert.match(await claim((group) => (group.columns[0]!.file_path = "other")), /it is in another file/);
});

test("what page headers claim is compared with the rows and bytes", async () => {
  const read = async (bytes: Buffer) => (await refusal(readGroup(fileOf(bytes), 0, "image"))).message;
  // A data page's header is field 8, its number of values field 1: 8 is 16 as a zigzag varint.
  const values = parquet(EIGHT_ROWS, { codec: "UNCOMPRESSED" });
  assert.match(
    await read(replaced(values, [0x5c, 0x15, 0x10], [0x5c, 0x15, 0x7e])),
    /more values than the group's 8 rows/,
  );
  // A dictionary's header is field 7.
  const twice = EIGHT_ROWS.map((_, row) => ({ image: content(row % 2), label: 0 }));
  const dictionary = parquet(twice, { codec: "UNCOMPRESSED" });
  assert.match(
    await read(replaced(dictionary, [0x4c, 0x15, 0x04], [0x4c, 0x15, 0x7e])),
    /a dictionary of 63 values/,
  );
  // A page of zeros that expands to more than its header says.
  const zipped = parquet(EIGHT_ROWS, { codec: "GZIP" });
  const zeros = gzipSync(Buffer.alloc(2 ** 20)).subarray(0, 80);
  const expanded = readGroup(fileOf(replaced(zipped, [0x1f, 0x8b], [...zeros])), 0, "image");
  const error = await expanded.then(
    () => undefined,
    (cause: unknown) => cause as NodeJS.ErrnoException,
  );
  assert.is(error?.code, "ERR_BUFFER_TOO_LARGE");
});

test("a run of a thousand million values ends the process that reads it, not the program", async ({
  root,
}) => {
  const path = join(root, "x.parquet");
  const whole = parquet(EIGHT_ROWS, { codec: "UNCOMPRESSED" });
  // Definition levels: two bytes, of which the first is a run of 8, the second its value; then a picture's length.
  const bomb = replaced(whole, [0x10, 1, 50, 0, 0, 0], [0xfe, 0xff, 0xff, 0xff, 7, 1]);
  writeFileSync(path, bomb);
  const error = await refusal(pack(path, join(root, "out")));
  assert.is(error.code, "data/parquet");
  assert.match(error.message, /does not fit in memory/);
});

test("training from Parquet is refused with the command that packs them; the command packs", async ({
  root,
}) => {
  const folder = join(root, "data");
  mkdirSync(folder);
  const path = join(folder, "train.parquet");
  const rows = Array.from({ length: 3 }, (_, row) => ({ image: { bytes: content(row) }, label: row }));
  writeFileSync(path, parquet(rows, { classNames: ["a", "b", "c"] }));
  for (const data of [path, folder]) {
    const error = await refusal(openDataset(data));
    assert.is(error.code, "data/parquet");
    assert.match(error.message, /vitrine dataset pack --data .* --out shards/);
  }
  const out = join(root, "shards");
  const packed = await runVitrine(["dataset", "pack", "--data", folder, "--out", out]);
  assert.is(packed.status, 0, packed.errors);
  assert.match(packed.output, /3 images in 1 shard/);
  assert.equal((await openDataset(out)).classes, ["a", "b", "c"]);
  const shuffled = await runVitrine([
    "dataset",
    "pack",
    "--data",
    path,
    "--out",
    join(root, "b"),
    "--shuffle",
    "1",
  ]);
  assert.is(shuffled.status, 1);
  assert.match(shuffled.errors, /--shuffle is not for Parquet files/);
});

test.run();
