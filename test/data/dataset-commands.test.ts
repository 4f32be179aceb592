// vitrine dataset: what its commands write, and that other commands take it.

import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sampleLocation } from "../../server/data/dataset.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { readSample } from "../../server/data/read-sample.js";
import { runVitrine } from "./server-process.js";
import { createDataSet, type SyntheticDataSet } from "./synthetic-data-set.js";

const test = suite<{ folder: string; set: SyntheticDataSet }>("dataset commands");

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-dataset-commands-"));
  context.set = createDataSet(12);
});

test.after.each(({ folder, set }) => {
  set.remove();
  rmSync(folder, { recursive: true, force: true });
});

const digestOf = async (data: string) => {
  const small = ["--size", "32", "--batch-size", "4", "--json"];
  const { status, output, errors } = await runVitrine(["data", "digest", "--data", data, ...small]);
  assert.is(status, 0, errors);
  return JSON.parse(output) as { fingerprint: string; digests: string[] };
};

test("an index has the digests of its folder; with hashes it needs no times", async ({ folder, set }) => {
  const out = join(folder, "set.index");
  const index = (...more: string[]) =>
    runVitrine(["dataset", "index", "--data", set.path, "--out", out, ...more]);
  const first = await index();
  assert.is(first.status, 0, first.errors);
  assert.match(first.output, /set\.index: 12 images in 3 classes, \d+ kB\nfingerprint [0-9a-f]{12}\n$/);
  const expected = await digestOf(set.path);
  assert.equal(await digestOf(out), expected);
  const again = await index();
  assert.is(again.status, 1);
  assert.match(again.errors, /file\/exists: .*add --force to replace it/);
  const json = await index("--force", "--json", "--hash");
  const written = JSON.parse(json.output);
  assert.equal([written.samples, written.classes, written.out], [12, 3, out]);
  assert.is.not(written.fingerprint, expected.fingerprint);
  utimesSync(join(set.path, "cat", "000.jpg"), 1e9, 1e9);
  const dataset = await openDataset(out);
  assert.is(dataset.fingerprint, written.fingerprint);
  assert.ok((await readSample(sampleLocation(dataset, 0))).length > 0);
});

test("what cannot be listed is an error, and left out with a word", async ({ folder }) => {
  const list = join(folder, "list.csv");
  writeFileSync(join(folder, "1.jpg"), "x");
  writeFileSync(list, "path,label\n1.jpg,a\n2.jpg,b\n");
  const strict = await runVitrine(["dataset", "index", "--data", list]);
  assert.is(strict.status, 1);
  assert.match(strict.errors, /data\/missing-file: .*line 3: 2\.jpg: no such file/);
  assert.not.ok(existsSync(`${list}.index`));
  const skipped = await runVitrine(["dataset", "index", "--data", list, "--bad-samples", "skip"]);
  assert.is(skipped.status, 0, skipped.errors);
  assert.match(skipped.errors, /1 entry cannot be listed and is left out: line 3/);
  assert.match(skipped.output, /list\.csv\.index: 1 image in 2 classes/);
});

test("a pack is its folder, in shards with right checksums", async ({ folder, set }) => {
  const out = join(folder, "shards");
  const pack = ["dataset", "pack", "--data", set.path, "--out", out, "--shard-size", "10KiB", "--json"];
  const first = await runVitrine(pack);
  assert.is(first.status, 0, first.errors);
  const { samples, shards, fingerprint } = JSON.parse(first.output);
  assert.is(samples, 12);
  assert.ok(shards > 1 && shards < 12);
  const names = readdirSync(out).sort();
  assert.equal(names.slice(0, 3), ["SHA256SUMS", "classes.txt", "shard-00000.tar"]);
  for (const line of readFileSync(join(out, "SHA256SUMS"), "utf8").trim().split("\n")) {
    const [digest, name] = line.split("  ");
    assert.is(
      createHash("sha256")
        .update(readFileSync(join(out, name)))
        .digest("hex"),
      digest,
    );
    if (name.endsWith(".tar")) assert.ok(statSync(join(out, name)).size <= 10 * 1024);
  }
  for (const path of [set.path, out]) assert.is((await openDataset(path)).fingerprint, fingerprint);
  rmSync(join(out, "vitrine.index"));
  assert.is((await openDataset(out)).fingerprint, fingerprint);
  const again = await runVitrine(pack);
  assert.is(again.status, 1);
  assert.match(again.errors, /file\/exists: .*not an empty folder/);
});

test("a check finds what would stop a run, in files and in shards", async ({ folder, set }) => {
  const good = await runVitrine(["dataset", "check", "--data", set.path, "--workers", "1"]);
  assert.equal([good.status, good.output], [0, "12 images, pictures read: none is bad\n"]);
  const file = join(set.path, "cat", "000.jpg");
  // Behind the header, so that only decoding finds it.
  truncateSync(file, statSync(file).size - 300);
  writeFileSync(join(set.path, "dog", "text.jpg"), "no picture");
  symlinkSync("nowhere", join(set.path, "emu", "link.jpg"));
  const shards = join(folder, "shards");
  const packed = await runVitrine([
    ...["dataset", "pack", "--data", set.path, "--out", shards, "--bad-samples", "skip"],
  ]);
  assert.is(packed.status, 0, packed.errors);
  const list = join(folder, "bad.txt");
  const found = await runVitrine(["dataset", "check", "--data", set.path, "--workers", "1", "--out", list]);
  assert.is(found.status, 1);
  assert.is(found.errors, "");
  const lines = found.output.split("\n");
  assert.is(lines[0], "13 images, pictures read: 2 are bad");
  assert.match(lines[1], /^1 entry cannot be listed and is left out: .*link\.jpg/);
  assert.not.match(found.output, /--bad-samples/, "the command has no such flag");
  assert.match(found.output, /^1 {2}jpeg\/truncated +.*000\.jpg: /m);
  assert.match(found.output, /^1 {2}image\/unknown-format {2}.*text\.jpg: not a picture/m);
  assert.is(readFileSync(list, "utf8"), `${file}\n${join(set.path, "dog", "text.jpg")}\n`);
  const fast = await runVitrine(["dataset", "check", "--data", shards, "--fast", "--json"]);
  assert.is(fast.status, 1);
  const { samples, bad, kinds, files } = JSON.parse(fast.output);
  assert.equal([samples, bad, kinds], [13, 1, { "image/unknown-format": 1 }]);
  assert.match(files[0].file, /shard-00000\.tar: dog\/text\.jpg$/);
});

test("statistics count classes, sides and formats", async ({ set }) => {
  writeFileSync(join(set.path, "dog", "text.jpg"), "no picture");
  mkdirSync(join(set.path, "fly"));
  const { status, output, errors } = await runVitrine(["dataset", "stats", "--data", set.path]);
  assert.is(status, 0, errors);
  assert.match(
    output,
    /^images {6}13\nclasses {5}4\nper class {3}4 to 5, median 4; ratio of largest to smallest 1\.3; 1 class is empty$/m,
  );
  assert.match(output, /^width {7}4\d to \d\d, median [\d.]+ pixels$/m);
  assert.match(output, /^formats {5}12 JPEG\nunreadable {2}1; /m);
  const json = await runVitrine(["dataset", "stats", "--data", set.path, "--json", "--fast"]);
  const { counts, classNames, width, bytes } = JSON.parse(json.output);
  assert.equal([counts, classNames, width], [[4, 5, 4, 0], ["cat", "dog", "emu", "fly"], undefined]);
  assert.is(bytes.min, 10);
});

test("an index of a URL is refused before anything is asked where it would keep a password or replace a file", async ({
  folder,
}) => {
  const index = (url: string) => runVitrine(["dataset", "index", "--data", url], [process.execPath], folder);
  // Nothing listens there: an error of the network would say that it was asked.
  const secret = await index("http://user:pa55word@127.0.0.1:9/train.csv");
  assert.match(secret.errors, /usage\/data-url: .*the user's name and password/);
  assert.not.match(secret.errors, /pa55word/);
  writeFileSync(join(folder, "train.csv.index"), "");
  assert.match(
    (await index("http://127.0.0.1:9/train.csv")).errors,
    /file\/exists: train\.csv\.index exists/,
  );
});

test.run();
