// Remote evaluation: a data server's images are those of the files, byte for byte and each once, for any number of ranks
// and servers, whichever of them fail.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { connectEvaluation, type EvaluationClientOptions } from "../../client/node/evaluation-client.js";
import type { EvaluationSource } from "../../runtime/batches/batch-source.js";
import { isVitrineError } from "../../runtime/errors.js";
import { openEvaluation } from "../../server/data/evaluation.js";
import { killServers, startServer } from "./server-process.js";
import { createDataSet, type SyntheticDataSet } from "./synthetic-data-set.js";

const test = suite<{ set: SyntheticDataSet; local: string[] }>("remote evaluation");

/** 37 images: the last batch of 4 is short. */
const IMAGES = 37;
const TRANSFORM = {
  size: 32,
  cropRatio: 0.9,
  filter: "bilinear",
  cropMode: "border",
  borderColor: [1, 2, 3],
  cropRounding: "down",
} as const;

/** One line per image: its file, label and pixels. */
async function imagesOf(source: EvaluationSource, onBatch = async (_done: number) => {}): Promise<string[]> {
  const lines: string[] = [];
  let done = 0;
  try {
    for await (const { count, pixels, labels, names } of source.batches()) {
      const bytes = pixels.length / count;
      for (let i = 0; i < count; i++) {
        const image = Buffer.from(pixels.subarray(i * bytes, (i + 1) * bytes)).toString("base64url");
        lines.push(`${names[i]} ${labels[i]} ${image}`);
      }
      await onBatch(++done);
    }
  } finally {
    await source.close();
  }
  return lines;
}

const remote = (address: string, options: Partial<EvaluationClientOptions> = {}) =>
  connectEvaluation({ address, batchSize: 4, ...TRANSFORM, timeoutSeconds: 20, ...options });

const equal = (found: readonly string[], expected: readonly string[]): void => {
  assert.equal(
    found.map((line) => line.split(" ", 2)),
    expected.map((line) => line.split(" ", 2)),
  );
  assert.ok(
    found.every((line, i) => line === expected[i]),
    "pixels differ",
  );
};

test.before(async (context) => {
  context.set = createDataSet(IMAGES);
  const options = { path: context.set.path, batchSize: 4, workers: 0, badSamples: "fail" } as const;
  context.local = await imagesOf(await openEvaluation({ ...options, ...TRANSFORM }));
});

test.after(({ set }) => set.remove());

test.after.each(killServers);

test("the images of a server are those of the files, twice in a row and in batches of any size", async ({
  set,
  local,
}) => {
  const { address } = await startServer(set.path);
  assert.is(local.length, IMAGES);
  for (const batchSize of [4, 37, 64]) equal(await imagesOf(await remote(address, { batchSize })), local);
  const source = await remote(address);
  for (let round = 0; round < 2; round++) {
    let images = 0;
    for await (const { count } of source.batches()) images += count;
    assert.is(images, IMAGES);
  }
  for await (const { count } of source.batches()) {
    assert.is(count, 4);
    break;
  }
  await source.close();
});

test("ranks divide the images exactly, every image once, and a limit holds for all of them together", async ({
  set,
  local,
}) => {
  const { address } = await startServer(set.path);
  for (const world of [2, 3, 4]) {
    const ranks = await Promise.all(
      Array.from({ length: world }, async (_, rank) => imagesOf(await remote(address, { rank, world }))),
    );
    const counts = ranks.map(({ length }) => length);
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, `${counts}`);
    equal(
      local.map((_, i) => ranks[i % world][Math.floor(i / world)]),
      local,
    );
  }
  const options = { path: set.path, batchSize: 4, workers: 0, badSamples: "fail", most: 10 } as const;
  const few = await imagesOf(await openEvaluation({ ...options, ...TRANSFORM }));
  assert.is(few.length, 10);
  equal(await imagesOf(await remote(address, { most: 10 })), few);
  const error = await remote(address, { rank: 2, world: 3, most: 2 }).catch((reason: unknown) => reason);
  assert.ok(isVitrineError(error) && error.code === "data/empty", String(error));
});

test("two servers share the work; one that is killed, and one that is restarted, change nothing", async ({
  set,
  local,
}) => {
  const servers = [await startServer(set.path), await startServer(set.path)];
  const address = servers.map((server) => server.address).join(",");
  equal(await imagesOf(await remote(address)), local);
  const creditBytes = 2 * (4 * (3 * 32 * 32 + 20) + 64);
  const killed = await imagesOf(await remote(address, { creditBytes }), async (done) => {
    if (done === 3) await servers[0].stop("SIGKILL");
  });
  equal(killed, local);
  const [, last] = servers;
  const restarted = await imagesOf(await remote(last.address, { creditBytes }), async (done) => {
    if (done !== 4) return;
    await last.stop("SIGKILL");
    void startServer(set.path, "--listen", last.address);
  });
  equal(restarted, local);
});

test("a file that cannot be read is left out by name, or ends the evaluation, as the server was told", async () => {
  const set = createDataSet(12, { damaged: [4] });
  try {
    const options = { path: set.path, batchSize: 4, workers: 0, badSamples: "skip", ...TRANSFORM } as const;
    const local = await imagesOf(await openEvaluation(options));
    assert.is(local.length, 11);
    const lenient = await startServer(set.path, "--bad-samples", "skip");
    const skipped: string[] = [];
    const source = await remote(lenient.address, { onSkipped: (file) => skipped.push(file) });
    equal(await imagesOf(source), local);
    assert.equal(skipped, ["dog/004.jpg"]);
    const strict = await startServer(set.path);
    const error = await remote(strict.address)
      .then((all) => imagesOf(all))
      .catch((reason: unknown) => reason);
    assert.ok(isVitrineError(error) && error.code === "jpeg/truncated", String(error));
    assert.match(error.message, /004\.jpg/);
  } finally {
    set.remove();
  }
});

test("numbers out of range are refused before anything is made", async ({ set }) => {
  const { address } = await startServer(set.path);
  for (const [options, what] of [
    [{ size: 4000 }, /size got 4000; allowed: 1 to 2048/],
    [{ cropRatio: 1e-6 }, /crop_ratio got 0\.000001/],
    [{ batchSize: 5000 }, /batch_size got 5000/],
    [{ filter: "sinc" as "box" }, /filter got "sinc"; allowed: bicubic/],
  ] as const) {
    const error = await remote(address, { ...options, creditBytes: 2 ** 32 - 1 })
      .then((source) => imagesOf(source))
      .catch((reason: unknown) => reason);
    assert.ok(isVitrineError(error) && error.code === "protocol/bad-open", String(error));
    assert.match(error.message, what);
  }
});

test.run();
