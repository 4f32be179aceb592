// Picture formats in data sets: files of every format train and validate, whatever they are called; damaged ones are
// kept in part with `partial`; the limit of pixels is the operator's.

import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ReadingPolicy } from "../../runtime/batches/reading-policy.js";
import { isVitrineError, type VitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { decodePicture, evaluatePicture } from "../../runtime/image/picture.js";
import { openEvaluation } from "../../server/data/evaluation.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { openPipeline } from "../../server/data/pipeline.js";
import { digestsOf, SMALL_RECIPE } from "./batch-digests.js";

const test = suite<{ folder: string }>("picture formats");
const module = await createImageModule(nodeHost());
const FIXTURES = fileURLToPath(new URL("../../../test/fixtures/", import.meta.url));
const START = { epoch: 0, batch: 0 };
const SETTINGS = { recipe: SMALL_RECIPE, batchSize: 4, seed: 1 };
const SIZE = 24;

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-formats-"));
  mkdirSync(join(context.folder, "a"));
});

test.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }));

const add = (folder: string, fixture: string, name: string): void =>
  copyFileSync(join(FIXTURES, fixture), join(folder, "a", name));

/** Evaluation inputs by file name, and what was said. */
async function evaluate(path: string, policy: Partial<ReadingPolicy> = {}) {
  const skipped: string[] = [];
  const kept: string[] = [];
  const source = await openEvaluation({
    ...{ path, size: SIZE, batchSize: 3, workers: 0, badSamples: "fail" },
    onSkipped: ({ message }: VitrineError) => void skipped.push(message),
    onKept: ({ message }: VitrineError) => void kept.push(message),
    ...policy,
  });
  const inputs = new Map<string, Uint8Array>();
  const bytes = SIZE * SIZE * 3;
  try {
    for await (const { names, pixels } of source.batches())
      for (const [i, name] of names.entries()) inputs.set(name, pixels.slice(i * bytes, (i + 1) * bytes));
  } finally {
    await source.close();
  }
  return { inputs, skipped, kept };
}

async function failureOf(work: () => Promise<unknown>): Promise<VitrineError> {
  try {
    await work();
  } catch (error) {
    if (isVitrineError(error)) return error;
    throw error;
  }
  throw new Error("nothing failed");
}

/** One file of each format, under endings that say so, say otherwise, or are missing. */
function addAllFormats(folder: string): void {
  add(folder, "jpeg/444_shapes.jpg", "photo.jpg");
  add(folder, "pictures/png_2_8.png", "really-a-png.JPEG");
  add(folder, "pictures/webp_lossy.webp", "w.webp");
  add(folder, "pictures/gif_interlaced.gif", "g.png");
  add(folder, "pictures/bmp_rgb.bmp", "b.bmp");
  add(folder, "pictures/tiff_rgb_lzw.tif", "t.tiff");
  add(folder, "pictures/avif_420.avif", "v.avif");
  add(folder, "pictures/ppm.ppm", "no-ending");
}

test("every format is evaluated and trained by its content, with any number of workers", async ({
  folder,
}) => {
  addAllFormats(folder);
  writeFileSync(join(folder, "a", "photo.heic"), "");
  const dataset = await openDataset(folder);
  assert.is(dataset.samples, 8);
  assert.is(dataset.otherKinds, "1 .heic");
  const { inputs } = await evaluate(folder);
  for (const name of readdirSync(join(folder, "a"))) {
    if (name === "photo.heic") continue;
    const file = readFileSync(join(folder, "a", name));
    assert.equal(inputs.get(`a/${name}`), await evaluatePicture(module, file, { size: SIZE }), name);
  }
  const digests: string[][] = [];
  for (const workers of [0, 1, 2]) {
    const source = await openPipeline({ ...SETTINGS, dataset, workers, badSamples: "fail" });
    digests.push(await digestsOf(source, START, 4));
    await source.close();
  }
  assert.equal(digests[1], digests[0]);
  assert.equal(digests[2], digests[0]);
});

test("the same picture in lossless formats is the same input", async ({ folder }) => {
  const names = ["bmp_rgb.bmp", "tiff_rgb_raw.tif", "tiff_planar.tif", "webp_lossless.webp", "ppm.ppm"];
  for (const name of names) add(folder, `pictures/${name}`, name);
  const { inputs } = await evaluate(folder);
  const [first, ...others] = names.map((name) => inputs.get(`a/${name}`));
  for (const other of others) assert.equal(other, first);
});

/** Damaged files: cut in their scan, without a restart marker, cut before any row, and no picture. */
function addDamaged(folder: string): void {
  const jpeg = readFileSync(join(FIXTURES, "jpeg/444_shapes.jpg"));
  writeFileSync(join(folder, "a", "cut.jpg"), jpeg.subarray(0, Math.trunc(jpeg.length * 0.7)));
  const restarts = readFileSync(join(FIXTURES, "jpeg/420_restart_rows.jpg"));
  const marker = restarts.findIndex((byte, at) => byte === 0xff && restarts[at + 1] === 0xd1);
  restarts[marker + 1] = 0xd5;
  writeFileSync(join(folder, "a", "restart.jpg"), restarts);
  const png = readFileSync(join(FIXTURES, "pictures/png_stored.png"));
  writeFileSync(join(folder, "a", "cut.png"), png.subarray(0, Math.trunc(png.length * 0.6)));
  writeFileSync(join(folder, "a", "head.png"), png.subarray(0, 45));
  writeFileSync(join(folder, "a", "text.jpg"), "words");
}

test("partial: rows that are there are used, and files without any are left out", async ({ folder }) => {
  add(folder, "jpeg/444_shapes.jpg", "whole.jpg");
  addDamaged(folder);
  const strict = await evaluate(folder, { badSamples: "skip" });
  assert.equal([...strict.inputs.keys()], ["a/whole.jpg"]);
  assert.is(strict.skipped.length, 5);
  const { inputs, skipped, kept } = await evaluate(folder, { badSamples: "partial" });
  assert.equal([...inputs.keys()], ["a/cut.jpg", "a/cut.png", "a/restart.jpg", "a/whole.jpg"]);
  assert.is(skipped.length, 2);
  assert.is(kept.length, 3);
  for (const name of ["cut.jpg", "restart.jpg", "cut.png"]) {
    const file = readFileSync(join(folder, "a", name));
    const { data } = await decodePicture(module, file, { partial: true });
    assert.ok(data.some((value) => value !== 0));
    const expected = await evaluatePicture(module, file, { size: SIZE, partial: true });
    assert.equal(inputs.get(`a/${name}`), expected, name);
  }
});

test("partial: a kept training sample has weight 1 and is mixed; a text keeps weight 0", async ({
  folder,
}) => {
  for (const name of ["1.jpg", "2.jpg"]) add(folder, "jpeg/444_shapes.jpg", name);
  addDamaged(folder);
  const said: string[] = [];
  const source = await openPipeline({
    ...{ ...SETTINGS, batchSize: 7, workers: 0, dataset: await openDataset(folder), badSamples: "partial" },
    onKept: ({ message }) => void said.push(message),
  });
  for await (const { weights } of source.batches(START)) {
    assert.is(weights.filter((weight) => weight === 0).length, 2);
    break;
  }
  await source.close();
  assert.ok(said.some((text) => /cut\.jpg: .* row \d+ of \d+/.test(text)));
});

test("messages name the flags of the commands", async ({ folder }) => {
  addDamaged(folder);
  const cut = await failureOf(() => evaluate(folder));
  assert.match(cut.message, /cut\.jpg: .* \(--bad-samples partial keeps the intact rows\)$/);
  rmSync(join(folder, "a"), { recursive: true });
  mkdirSync(join(folder, "a"));
  for (const fixture of ["jpeg/444_shapes.jpg", "pictures/png_2_8.png"]) {
    add(folder, fixture, "large");
    const error = await failureOf(() => evaluate(folder, { pixelLimit: 100 }));
    assert.match(error.code, /^(jpeg|image)\/too-large$/);
    assert.match(error.message, /pixels, allowed are 100 \(--max-pixels allows more\)$/);
  }
});

test("headers of every format are checked, with the limit of pixels", async ({ folder }) => {
  addAllFormats(folder);
  const options = { path: folder, size: SIZE, batchSize: 3, workers: 0 };
  const check = { seconds: 30, signal: new AbortController().signal, onNotice: () => {} };
  const source = await openEvaluation({ ...options, badSamples: "skip" });
  assert.equal(await source.checkHeaders(check), { checked: 8, bad: 0 });
  await source.close();
  const limited = await openEvaluation({ ...options, badSamples: "skip", pixelLimit: 900 });
  assert.is((await limited.checkHeaders(check)).bad, 1, "the JPEG has 67×45 pixels");
  await limited.close();
});

test.run();
