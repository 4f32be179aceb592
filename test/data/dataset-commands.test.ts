// vitrine dataset: what its commands write, and that other commands take it.

import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
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
  assert.is((await digestOf(out)).fingerprint, written.fingerprint);
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

test.run();
