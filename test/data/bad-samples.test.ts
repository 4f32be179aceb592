// Bad samples: under `fail` the stream ends with the file's own error, under `skip` the file keeps its place without
// weight, its partner stays unmixed, and everything else is unchanged.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { connectData } from "../../client/node/data-client.js";
import type { Batch } from "../../runtime/batches/batch-source.js";
import type { BadSamples } from "../../runtime/batches/reading-policy.js";
import { isVitrineError, type VitrineError } from "../../runtime/errors.js";
import { startDataServer } from "../../server/data/data-server.js";
import { sampleNames } from "../../server/data/dataset.js";
import { openEvaluation } from "../../server/data/evaluation.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { openPipeline } from "../../server/data/pipeline.js";
import { digestsOf, SMALL_RECIPE } from "./batch-digests.js";
import { createDataSet, type SyntheticDataSet } from "./synthetic-data-set.js";

const test = suite<{ good: SyntheticDataSet; bad: SyntheticDataSet }>("bad samples");

/** Mixup in every batch. */
const RECIPE = { ...SMALL_RECIPE, cutmix: 0 };
const SETTINGS = { recipe: RECIPE, batchSize: 6, seed: 2 };
const START = { epoch: 0, batch: 0 };
const BAD_FILE = "dog/004.jpg";

/** Same names and sizes, hence the same fingerprint and order: one file's scan is overwritten with a marker. */
test.before((context) => {
  context.good = createDataSet(24);
  context.bad = createDataSet(24);
  const file = join(context.bad.path, BAD_FILE);
  const bytes = readFileSync(file);
  bytes.fill(0xff, 0, 2);
  bytes.fill(0, 2, 40);
  writeFileSync(file, bytes);
});

test.after(({ good, bad }) => {
  good.remove();
  bad.remove();
});

interface Epoch {
  batches: Batch[];
  skipped: VitrineError[];
}

/** Copies of the four batches of an epoch. */
async function readEpoch(set: SyntheticDataSet, badSamples: BadSamples, workers = 0): Promise<Epoch> {
  const skipped: VitrineError[] = [];
  const source = await openPipeline({
    ...SETTINGS,
    dataset: await openDataset(set.path),
    workers,
    badSamples,
    onSkipped: (error) => skipped.push(error),
  });
  const batches: Batch[] = [];
  try {
    for await (const batch of source.batches(START)) {
      if (batch.cursor.epoch > 0) break;
      batches.push({ ...batch, pixels: batch.pixels.slice() });
    }
  } finally {
    await source.close();
  }
  return { batches, skipped };
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

function image(batch: Batch, b: number): Uint8Array {
  const bytes = batch.size * batch.size * 3;
  return batch.pixels.slice(b * bytes, (b + 1) * bytes);
}

test("the two sets differ only in the bytes of one file", async ({ good, bad }) => {
  assert.is((await openDataset(good.path)).fingerprint, (await openDataset(bad.path)).fingerprint);
});

test("fail: the error is the file's own, typed, naming it", async ({ bad }) => {
  const error = await failureOf(() => readEpoch(bad, "fail"));
  assert.is(error.code, "image/unknown-format");
  assert.ok(error.message.includes(BAD_FILE), error.message);
  assert.match(String(error.details.file), /004\.jpg$/);
  const again = await failureOf(() => readEpoch(bad, "fail", 2));
  assert.is(again.message, error.message);
});

test("skip: weight 0, zero pixels, an unmixed partner, and all other samples untouched", async ({
  good,
  bad,
}) => {
  const whole = await readEpoch(good, "fail");
  const { batches, skipped } = await readEpoch(bad, "skip");
  assert.ok(skipped.length >= 1 && skipped.every((error) => error.message.includes(BAD_FILE)));
  const places: string[] = [];
  batches.forEach((batch, k) => {
    const reference = whole.batches[k];
    assert.equal(batch.labels, reference.labels, "labels keep their places");
    const skippedIndex = batch.weights.indexOf(0);
    for (let b = 0; b < batch.count; b++) {
      const pixels = image(batch, b);
      if (b === skippedIndex) {
        places.push(`${k}.${b}`);
        assert.ok(pixels.every((value) => value === 0));
        assert.is(batch.lambdas[b], 1);
      } else if (skippedIndex >= 0 && b === batch.count - 1 - skippedIndex) {
        assert.is(batch.lambdas[b], 1);
        assert.is(batch.partnerLabels[b], batch.labels[b]);
        assert.is(batch.weights[b], 1);
        assert.not.equal(pixels, image(reference, b), "it was mixed where its partner was good");
      } else {
        assert.equal(pixels, image(reference, b));
        assert.is(batch.lambdas[b], reference.lambdas[b]);
        assert.is(batch.partnerLabels[b], reference.partnerLabels[b]);
      }
    }
  });
  assert.is(places.length, 1, "one place of the epoch is empty");
});

test("skip: the partner has the pixels that it has without any mixing", async ({ good, bad }) => {
  const { batches } = await readEpoch(bad, "skip");
  const k = batches.findIndex(({ weights }) => weights.includes(0));
  const batch = batches[k];
  const partner = batch.count - 1 - batch.weights.indexOf(0);
  const plain = await openPipeline({
    ...SETTINGS,
    recipe: { ...RECIPE, mixup: 0 },
    dataset: await openDataset(good.path),
    workers: 0,
    badSamples: "fail",
  });
  for await (const unmixed of plain.batches({ epoch: 0, batch: k })) {
    assert.equal(image(batch, partner), image(unmixed, partner));
    break;
  }
  await plain.close();
});

test("over gRPC a bad file is the same typed error, reported at once and not retried", async ({ bad }) => {
  const local = await failureOf(() => readEpoch(bad, "fail"));
  const server = await startDataServer({
    data: bad.path,
    listen: "127.0.0.1:0",
    workers: 1,
    badSamples: "fail",
  });
  const notices: string[] = [];
  const source = await connectData({
    ...SETTINGS,
    address: server.address,
    onNotice: (text) => notices.push(text),
  });
  try {
    const error = await failureOf(() => digestsOf(source, START, 5));
    assert.is(error.code, local.code);
    assert.is(error.message, local.message);
    assert.equal(error.details, local.details);
    assert.equal(notices, []);
  } finally {
    await source.close();
    await server.close();
  }
});

test("over gRPC skipped files are counted by the server, and the stream continues", async ({ bad }) => {
  const { batches } = await readEpoch(bad, "skip");
  const server = await startDataServer({
    data: bad.path,
    listen: "127.0.0.1:0",
    workers: 1,
    badSamples: "skip",
    log: pino({ level: "silent" }),
  });
  const source = await connectData({ ...SETTINGS, address: server.address });
  try {
    let k = 0;
    for await (const batch of source.batches(START)) {
      const expected = batches[k];
      assert.equal(batch.weights, expected.weights);
      assert.equal(new Uint8Array(batch.pixels), expected.pixels);
      if (++k === batches.length) break;
    }
    assert.ok(server.service.skipped() >= 1);
  } finally {
    await source.close();
    await server.close();
  }
});

test("evaluation omits a bad file under skip and names it under fail", async ({ bad }) => {
  const options = { path: bad.path, size: 32, cropRatio: 0.875, batchSize: 10, workers: 1 };
  const skipped: string[] = [];
  const onSkipped = (error: VitrineError): number => skipped.push(error.message);
  const source = await openEvaluation({ ...options, badSamples: "skip", onSkipped });
  const names: string[] = [];
  for await (const batch of source.batches()) {
    assert.is(batch.pixels.length, batch.count * 32 * 32 * 3);
    assert.is(batch.labels.length, batch.count);
    names.push(...batch.names);
  }
  await source.close();
  const all = sampleNames(await openDataset(bad.path));
  assert.equal(
    names,
    all.filter((name) => name !== BAD_FILE),
  );
  assert.is(skipped.length, 1);
  const strict = await openEvaluation({ ...options, badSamples: "fail" });
  const error = await failureOf(async () => {
    for await (const batch of strict.batches()) assert.ok(batch.count > 0);
  });
  await strict.close();
  assert.ok(error.message.includes(BAD_FILE));
});

test("a file that vanished since the data set was opened is a bad sample too", async () => {
  const set = createDataSet(6);
  const dataset = await openDataset(set.path);
  rmSync(join(set.path, "emu/002.jpg"));
  const source = await openPipeline({ ...SETTINGS, dataset, workers: 0, badSamples: "fail" });
  const error = await failureOf(() => digestsOf(source, START, 1));
  await source.close();
  set.remove();
  assert.is(error.code, "file/not-found");
  assert.match(error.message, /002\.jpg/);
});

test.run();
