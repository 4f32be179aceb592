// Batcher: whoever waits is joined, nobody's rows are mixed up, and the dead cost nothing.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import type { Logits } from "../../runtime/training.js";
import { Batcher, type RequestLife } from "../../server/inference/batcher.js";

const FOREVER: RequestLife = { deadline: Number.POSITIVE_INFINITY, isCancelled: () => false };
const IMAGE_BYTES = 2;
const CLASSES = 3;

/** logits of an image = [its first byte, its second byte, their sum]; slow enough for others to arrive. */
function arithmeticModel(batches: number[]) {
  return async (pixels: Uint8Array, count: number): Promise<Logits> => {
    batches.push(count);
    assert.is(pixels.length, count * IMAGE_BYTES);
    const seen = pixels.slice();
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(pixels, seen, "pixels changed while the model ran");
    const logits = Float32Array.from({ length: count * CLASSES }, (_, place) => {
      const [a, b] = [seen[Math.floor(place / CLASSES) * 2]!, seen[Math.floor(place / CLASSES) * 2 + 1]!];
      return [a, b, a + b][place % CLASSES]!;
    });
    return { logits, classLogits: logits.map((x) => x + 1), distillationLogits: logits.map((x) => x - 1) };
  };
}

function createBatcher(
  batches: number[],
  { maxBatch = 4, maxQueue = 100, run = arithmeticModel(batches) } = {},
): Batcher {
  return new Batcher({
    run,
    maxBatch,
    maxQueue,
    imageBytes: IMAGE_BYTES,
    classes: CLASSES,
    distilled: true,
  });
}

/** `count` images that no other request has. */
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

test("a request that comes alone runs alone, at once", async () => {
  const batches: number[] = [];
  const batcher = createBatcher(batches);
  for (let seed = 0; seed < 3; seed++) {
    const { pixels, logits } = request(seed, 1);
    assert.equal([...(await batcher.submit(pixels, 1, FOREVER)).logits], logits);
  }
  assert.equal(batches, [1, 1, 1]);
});

test("cancelled and late requests never reach the model", async () => {
  const batches: number[] = [];
  const batcher = createBatcher(batches);
  let cancelled = false;
  const first = batcher.submit(request(0, 4).pixels, 4, FOREVER);
  const gone = codeOf(batcher.submit(request(1, 4).pixels, 4, { ...FOREVER, isCancelled: () => cancelled }));
  const late = codeOf(batcher.submit(request(2, 4).pixels, 4, { ...FOREVER, deadline: Date.now() - 1 }));
  const last = batcher.submit(request(3, 4).pixels, 4, FOREVER);
  cancelled = true;
  assert.is(await gone, "network/cancelled");
  assert.is(await late, "network/deadline");
  await Promise.all([first, last]);
  assert.equal(batches, [4, 4]);
});

test("a full queue refuses at once, naming its limit, and goes on serving", async () => {
  const batches: number[] = [];
  const batcher = createBatcher(batches, { maxQueue: 6 });
  const large = batcher.submit(request(0, 9).pixels, 9, FOREVER);
  let text = "";
  await batcher.submit(request(1, 1).pixels, 1, FOREVER).catch((error) => {
    assert.is(error.code, "network/queue-full");
    text = error.message;
  });
  assert.match(text, /9 images wait already, 1 more .*6 \(--max-queue\)/);
  assert.is((await large).logits.length, 27, "one request alone may be larger than the queue");
  assert.is((await batcher.submit(request(2, 6).pixels, 6, FOREVER)).logits.length, 18);
});

test("a batch that fails fails its requests only", async () => {
  const batches: number[] = [];
  const sound = arithmeticModel(batches);
  const run = (pixels: Uint8Array, count: number) =>
    pixels.includes(255) ? Promise.reject(new Error("out of order")) : sound(pixels, count);
  const batcher = createBatcher(batches, { run });
  const poisoned = batcher.submit(Uint8Array.of(255, 1, 2, 3, 4, 5, 6, 7, 8, 9), 5, FOREVER);
  const { pixels, logits } = request(5, 4);
  const sane = batcher.submit(pixels, 4, FOREVER);
  let text = "";
  await poisoned.catch((error) => (text = error.message));
  assert.is(text, "out of order");
  assert.equal([...(await sane).logits], logits);
  assert.is(batcher.queued, 0);
});

test.run();
