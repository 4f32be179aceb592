// Batcher: waiting requests are batched, no rows are mixed up, and expired requests cost nothing.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import { finished, type Started, underway } from "../../runtime/executors/pipelined.js";
import type { ImageTensor } from "../../runtime/inference/answer.js";
import type { Logits } from "../../runtime/inference/logits.js";
import { Batcher, type BatcherOptions } from "../../server/inference/engine/batcher.js";
import { DeviceTurns } from "../../server/inference/engine/device-turns.js";
import type { RequestLife } from "../../server/request-life.js";

const FOREVER: RequestLife = { deadline: Number.POSITIVE_INFINITY, signal: new AbortController().signal };
const IMAGE_BYTES = 2;
const CLASSES = 3;

/** logits of an image = [its first byte, its second byte, their sum], after `delayMs`, in which others arrive. */
function arithmeticModel(batches: number[], delayMs = 5) {
  return async (pixels: Uint8Array, count: number): Promise<Logits> => {
    batches.push(count);
    assert.is(pixels.length, count * IMAGE_BYTES);
    const seen = pixels.slice();
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    assert.equal(pixels, seen, "pixels changed while the model ran");
    const logits = Float32Array.from({ length: count * CLASSES }, (_, place) => {
      const [a, b] = [seen[Math.floor(place / CLASSES) * 2]!, seen[Math.floor(place / CLASSES) * 2 + 1]!];
      return [a, b, a + b][place % CLASSES]!;
    });
    return { logits, classLogits: logits.map((x) => x + 1), distillationLogits: logits.map((x) => x - 1) };
  };
}

/** A device that computes asynchronously: each batch is in flight until the test ends it. */
function gpuModel(batches: number[]) {
  const compute = arithmeticModel([], 0);
  const ends: (() => void)[] = [];
  const run = async (images: ImageTensor, count: number): Promise<Started<Logits>> => {
    const pixels = images as Uint8Array;
    batches.push(count);
    const given = pixels.slice();
    const ended = new Promise<void>((resolve) => ends.push(resolve)).then(() => {
      assert.equal(pixels, given, "pixels changed while their batch was underway");
      if (given.includes(255)) throw new Error("out of order");
      return compute(given, count);
    });
    return underway(ended);
  };
  return { run, ends };
}

/** Iterations of the event loop after which every batch that may start has started; no timer, so load has no effect. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

function createBatcher(
  batches: number[],
  { maxBatch = 4, run = arithmeticModel(batches) } = {},
): TestBatcher {
  return onModel(async (pixels, count) => finished(await run(pixels as Uint8Array, count)), { maxBatch });
}

const PIXELS = { input: "pixels", embeddings: false, attention: false } as const;

/** A batcher whose requests have all their images ready. */
class TestBatcher extends Batcher {
  submit(
    pixels: Uint8Array,
    count: number,
    { deadline, signal }: RequestLife,
    priority = 0,
  ): Promise<Logits> {
    const queued = this.enter({ count, kind: PIXELS, priority, deadline });
    signal.addEventListener("abort", () => queued.fail(new VitrineError("network/canceled", "canceled")));
    for (let index = 0; index < count; index++)
      queued.add(index, pixels.subarray(index * IMAGE_BYTES, (index + 1) * IMAGE_BYTES));
    return queued.answer;
  }
}

function onModel(run: BatcherOptions["run"], options: Partial<BatcherOptions> = {}): TestBatcher {
  const turns = new DeviceTurns();
  return new TestBatcher({ run, maxBatch: 4, queueDelayUs: 0, imageLength: IMAGE_BYTES, turns, ...options });
}

/** `count` images that occur in no other request. */
function request(seed: number, count: number): { pixels: Uint8Array; logits: number[] } {
  const pixels = Uint8Array.from({ length: count * 2 }, (_, place) => (seed * 31 + place * 7) % 120);
  const logits = Array.from({ length: count }, (_, image) => {
    const [a, b] = [pixels[image * 2]!, pixels[image * 2 + 1]!];
    return [a, b, a + b];
  }).flat();
  return { pixels, logits };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (isVitrineError(error)) return error.code;
    throw error;
  }
  return "no error";
}

test("requests of every size get their own rows, and no batch is larger than allowed", async () => {
  const batches: number[] = [];
  const batcher = createBatcher(batches);
  const requests = [1, 3, 9, 2, 4, 5, 1, 1].map((count, seed) => ({ count, ...request(seed, count) }));
  const answers = await Promise.all(
    requests.map(({ pixels, count }) => batcher.submit(pixels, count, FOREVER)),
  );
  requests.forEach(({ logits }, place) => {
    assert.equal([...answers[place]!.logits], logits);
    assert.equal(
      [...answers[place]!.classLogits],
      logits.map((x) => x + 1),
    );
    assert.equal(
      [...answers[place]!.distillationLogits!],
      logits.map((x) => x - 1),
    );
  });
  assert.equal(batches, [4, 4, 4, 4, 4, 4, 2], "26 images, nothing wasted");
  assert.is(batcher.queued, 0);
});

test("a request that arrives alone runs alone, at once", async () => {
  const batches: number[] = [];
  const batcher = createBatcher(batches);
  for (let seed = 0; seed < 3; seed++) {
    const { pixels, logits } = request(seed, 1);
    assert.equal([...(await batcher.submit(pixels, 1, FOREVER)).logits], logits);
  }
  assert.equal(batches, [1, 1, 1]);
});

test("canceled and late requests never reach the model", async () => {
  const batches: number[] = [];
  const batcher = createBatcher(batches);
  const canceled = new AbortController();
  const first = batcher.submit(request(0, 4).pixels, 4, FOREVER);
  const gone = codeOf(batcher.submit(request(1, 4).pixels, 4, { ...FOREVER, signal: canceled.signal }));
  const late = codeOf(batcher.submit(request(2, 4).pixels, 4, { ...FOREVER, deadline: Date.now() - 1 }));
  const last = batcher.submit(request(3, 4).pixels, 4, FOREVER);
  canceled.abort();
  assert.is(await gone, "network/canceled");
  assert.is(await late, "network/deadline");
  await Promise.all([first, last]);
  assert.equal(batches, [4, 4]);
});

test("a batch that fails fails its requests only", async () => {
  const batches: number[] = [];
  const sound = arithmeticModel(batches);
  const run = (pixels: Uint8Array, count: number) =>
    pixels.includes(255) ? Promise.reject(new Error("out of order")) : sound(pixels, count);
  const batcher = createBatcher(batches, { run });
  const failing = batcher.submit(Uint8Array.of(255, 1, 2, 3, 4, 5, 6, 7, 8, 9), 5, FOREVER);
  const { pixels, logits } = request(5, 4);
  const sane = batcher.submit(pixels, 4, FOREVER);
  let text = "";
  await failing.catch((error) => (text = error.message));
  assert.is(text, "out of order");
  assert.equal([...(await sane).logits], logits);
  assert.is(batcher.queued, 0);
});

test("a full batch starts while the previous one runs, but never a third, and a partial one waits", async () => {
  const batches: number[] = [];
  const { run, ends } = gpuModel(batches);
  const batcher = onModel(run);
  const requests = [4, 2, 2, 3, 2].map((count, seed) => ({ count, ...request(seed, count) }));
  const answers: Promise<Logits>[] = [];
  const ask = (place: number) => {
    const { pixels, count } = requests[place]!;
    answers.push(batcher.submit(pixels, count, FOREVER));
    return settled();
  };
  await ask(0);
  await ask(1);
  assert.equal(batches, [4], "2 images wait: a partial batch");
  await ask(2);
  assert.equal(batches, [4, 4], "they have it");
  await ask(3);
  await ask(4);
  assert.equal(batches, [4, 4], "two are underway");
  assert.is(batcher.queued, 5);
  // The second ends first: the third batch is full and starts; its first images are the fourth request's.
  ends[1]!();
  await settled();
  assert.equal(batches, [4, 4, 4]);
  ends[2]!();
  await settled();
  assert.equal(batches, [4, 4, 4], "1 image is not a full batch");
  ends[0]!();
  await settled();
  assert.equal(batches, [4, 4, 4, 1], "the model is free");
  ends[3]?.();
  for (const [place, answer] of answers.entries())
    assert.equal([...(await answer).logits], requests[place]!.logits, `request ${place}`);
});

test("a request across several batches fails with the first that fails, and other requests continue", async () => {
  const batches: number[] = [];
  const { run, ends } = gpuModel(batches);
  const batcher = onModel(run);
  let text = "";
  const failing = batcher
    .submit(Uint8Array.of(255, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), 8, FOREVER)
    .catch((error) => (text = error.message));
  const { pixels, logits } = request(5, 4);
  const sane = batcher.submit(pixels, 4, FOREVER);
  await settled();
  assert.equal(batches, [4, 4]);
  for (let batch = 0; batch < 3; batch++) {
    ends[batch]?.();
    await settled();
  }
  await failing;
  assert.is(text, "out of order");
  assert.equal([...(await sane).logits], logits);
  assert.is(batcher.queued, 0);
});

test.run();
