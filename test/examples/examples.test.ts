// The programs in examples/ run as their first lines say, on small drawn photographs and models.

import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import jpeg from "jpeg-js";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Batch, BatchSource } from "../../runtime/batches/batch-source.js";
import { addressOf, runCommand } from "../inference/run-command.js";
import { SYNTHETIC, syntheticPhoto, syntheticWeights, writeModelFolder } from "../models/synthetic-model.js";

const CLASSES = ["cat", "dog", "elk"];
const PHOTOS_PER_CLASS = 4;
const example = (name: string) => fileURLToPath(new URL(`../../../examples/${name}.mjs`, import.meta.url));
const work = mkdtempSync(join(tmpdir(), "vitrine-examples-"));
const photos = join(work, "photos");
const model = join(work, "made");
const photo = (label: string, index: number) => join(photos, label, `${index}.jpg`);

test.before(() => {
  for (const [label, name] of CLASSES.entries()) {
    mkdirSync(join(photos, name), { recursive: true });
    for (let i = 0; i < PHOTOS_PER_CLASS; i++) writeFileSync(photo(name, i), syntheticPhoto(10 * label + i));
  }
  writeModelFolder(model, SYNTHETIC, syntheticWeights(SYNTHETIC), [...CLASSES, "fox"]);
});

test.after(() => rmSync(work, { recursive: true }));

/** Standard output of an example; rejects where it fails. */
async function run(name: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [example(name), ...args]);
  return stdout;
}

/** `cat` of `photos/cat/0.jpg: cat 61.2%, …`. */
const bestOf = (output: string, path: string) => output.split(`${path}: `)[1]?.split(" ")[0];

test("classify and inference-client name the same class for a photograph", async () => {
  const paths = [photo("cat", 0), photo("elk", 3)];
  const server = runCommand("serve", "--model", model, "--listen", "127.0.0.1:0");
  try {
    const local = await run("classify", model, ...paths);
    const remote = await run("inference-client", await addressOf(server), ...paths);
    assert.match(remote, /^made at 127\.0\.0\.1:\d+, 4 classes$/m);
    for (const path of paths) {
      assert.ok([...CLASSES, "fox"].includes(bestOf(local, path) ?? ""), local);
      assert.is(bestOf(remote, path), bestOf(local, path));
    }
  } finally {
    server.child.kill();
    await server.ended;
  }
});

test("folder-source makes the same batch for a cursor, uses each photograph once an epoch, and continues with the next epoch", async () => {
  const { openFolder } = (await import(example("folder-source"))) as {
    openFolder(folder: string, options: { size: number; batchSize: number }): Promise<BatchSource>;
  };
  const source = await openFolder(photos, { size: 32, batchSize: 6 });
  assert.equal(source.description.classes, CLASSES);
  assert.is(source.batchesPerEpoch, 2);
  const take = async (batch: number, count: number) => {
    const taken: Batch[] = [];
    for await (const each of source.batches({ epoch: 0, batch })) if (taken.push(each) === count) break;
    return taken;
  };
  const three = await take(0, 3);
  assert.equal(
    three.map(({ cursor }) => [cursor.epoch, cursor.batch]),
    [
      [0, 0],
      [0, 1],
      [1, 0],
    ],
  );
  assert.equal(await take(1, 1), three.slice(1, 2));
  const labels = three.slice(0, 2).flatMap((batch) => [...batch.labels]);
  assert.equal(
    labels.sort(),
    [0, 1, 2].flatMap((label) => Array(PHOTOS_PER_CLASS).fill(label)),
  );
  await source.close();
});

test("fine-tune trains the model on the photographs, whose classes it then names", async () => {
  const out = join(work, "tuned");
  const folder = join(work, "split");
  for (const split of ["train", "val"]) cpSync(photos, join(folder, split), { recursive: true });
  await run(
    "fine-tune",
    model,
    folder,
    out,
    "--steps",
    "2",
    "--batch-size",
    "4",
    "--device",
    "wasm",
    "--threads",
    "1",
  );
  const path = photo("dog", 1);
  assert.ok(CLASSES.includes(bestOf(await run("classify", join(out, "best"), path), path) ?? ""));
});

test("custom-model trains a DeiT of its own size and writes a model that classify loads", async () => {
  const out = join(work, "custom");
  const output = await run("custom-model", photos, out, "3", "4");
  assert.match(output, /^step 1: loss 1\.[01]\d+$/m);
  assert.match(output, /^step 3: loss \d\.\d+$/m);
  const path = photo("cat", 2);
  assert.ok(CLASSES.includes(bestOf(await run("classify", out, path), path) ?? ""));
});

test("graph computes the mean of |Laplacian|: 0 for one color, more for a sharper photograph", async () => {
  const [flat, soft, sharp] = ["flat", "soft", "sharp"].map((name) => join(work, `${name}.jpg`));
  const draw = (path: string, shade: (x: number) => number) => {
    const data = new Uint8Array(224 * 224 * 4).map((_, i) => shade((i >> 2) % 224));
    writeFileSync(path, jpeg.encode({ width: 224, height: 224, data }, 95).data);
  };
  draw(flat, () => 128);
  draw(soft, (x) => 128 + 60 * Math.sin(x / 16));
  draw(sharp, (x) => 128 + 60 * Math.sin(x / 2));
  const [none, some, most] = (await run("graph", flat, soft, sharp))
    .trim()
    .split("\n")
    .map((line) => Number(line.split(": ")[1]));
  // A row at the border of the picture sees zeros beyond it.
  assert.ok(none < some && some < most, `${none}, ${some}, ${most}`);
});

test.run();
