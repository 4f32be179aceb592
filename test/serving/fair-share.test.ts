// Fair share: while one caller alone waits it may have every place; where others come, each has an equal share of the
// queue and of the device, and a flood of one keeps no other waiting.

import { request as httpRequest } from "node:http";
import { setImmediate as nextTurn } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type ErrorCode, isVitrineError } from "../../runtime/errors.js";
import { finished } from "../../runtime/executors/pipelined.js";
import type { ImageTensor } from "../../runtime/inference/answer.js";
import { createEngine, type ServedModel } from "../../server/inference/engine/engine.js";
import { givingWay, type Place } from "../../server/inference/engine/fair-places.js";
import { DEFAULT_LIMITS } from "../../server/inference/inference-server.js";
import { startRest } from "../http/rest-server.js";
import { colorModel, IMAGE_BYTES, meanColors } from "../inference/color-model.js";
import { VirtualTime } from "./virtual-time.js";

const place = (caller: string, images: number, bytes = 0, isWaiting = true): Place => ({
  caller,
  images,
  bytes,
  isWaiting,
});
const LIMITS = { images: 10, bytes: 100 };

test("who comes within its share takes the places of the newest requests of the caller that has most", () => {
  const places = [place("a", 4), place("b", 2), place("a", 3), place("a", 1)];
  const leaving = givingWay(places, { caller: "c", images: 3, bytes: 0 }, LIMITS);
  assert.equal(leaving, [places[3], places[2]], "the newest first, and no more than it takes");
});

test("nobody gives way to a caller with more than its share, nor one that has no more than its own", () => {
  const places = [place("a", 5), place("b", 5)];
  assert.is(givingWay(places, { caller: "a", images: 1, bytes: 0 }, LIMITS), undefined);
  assert.is(givingWay(places, { caller: "c", images: 4, bytes: 0 }, LIMITS), undefined, "a third is 3");
  assert.is(givingWay([place("a", 10)], { caller: "a", images: 1, bytes: 0 }, LIMITS), undefined);
  assert.equal(givingWay(places, { caller: "c", images: 3, bytes: 0 }, LIMITS), [places[0]]);
});

test("what is being computed does not give way", () => {
  const places = [place("a", 6, 0, false), place("a", 4)];
  assert.equal(givingWay(places, { caller: "b", images: 3, bytes: 0 }, LIMITS), [places[1]]);
  assert.is(givingWay(places, { caller: "b", images: 5, bytes: 0 }, LIMITS), undefined);
});

test("bytes are shared as images are", () => {
  const places = [place("a", 1, 60), place("a", 1, 40)];
  assert.equal(givingWay(places, { caller: "b", images: 1, bytes: 40 }, LIMITS), [places[1]]);
  assert.is(givingWay(places, { caller: "b", images: 1, bytes: 51 }, LIMITS), undefined, "half is 50");
});

async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await nextTurn();
}

/** A model whose batches of one image end when the test ends them, or when `hold` has resolved. */
function heldEngine(maxQueue: number, hold?: () => Promise<void>) {
  const computed: number[] = [];
  const release: (() => void)[] = [];
  const submit = async (images: ImageTensor, count: number) => {
    computed.push(images[0] as number);
    await (hold?.() ?? new Promise<void>((resolve) => release.push(resolve)));
    const logits = meanColors(images as Uint8Array, count);
    return finished({ logits, classLogits: logits });
  };
  const model: ServedModel = { ...colorModel(), submit };
  const limits = { ...DEFAULT_LIMITS, maxBatch: 1, maxQueue };
  const engine = createEngine(model, { version: "1", limits });
  const infer = (caller: string, gray: number, priority = 5): Promise<ErrorCode | "ok"> => {
    const data = new Uint8Array(IMAGE_BYTES).fill(gray);
    const life = { deadline: Number.POSITIVE_INFINITY, signal: new AbortController().signal, caller };
    const request = { images: { kind: "pixels", count: 1, data } as const, extra: {}, priority, life };
    return engine.infer(request).then(
      () => "ok",
      (error) => (isVitrineError(error) ? error.code : "internal/unexpected"),
    );
  };
  const end = async (count: number) => {
    for (let batch = 0; batch < count; batch++) {
      await settled();
      for (const each of release.splice(0)) each();
    }
    await settled();
  };
  return { engine, infer, end, computed };
}

test("one caller may fill the queue; another's request takes the place of its newest, and is computed next, whatever their priorities", async () => {
  const time = new VirtualTime();
  time.install();
  try {
    const { infer, computed } = heldEngine(8, () => time.sleep(100));
    // What an image takes is known from here on.
    const first = infer("flood", 0);
    await time.pass(200);
    assert.is(await first, "ok");
    const flood = [infer("flood", 10)];
    await time.pass(10);
    for (let gray = 11; gray < 19; gray++) flood.push(infer("flood", gray, 1));
    await time.pass(10);
    assert.equal(computed, [0, 10], "one runs, eight wait");
    assert.is(await infer("flood", 99), "network/queue-full");
    const few = infer("few", 50, 10);
    assert.is(await flood[8], "network/queue-full", "the newest gave way");
    await time.pass(1_500);
    assert.is(await few, "ok");
    assert.equal(computed.slice(0, 5), [0, 10, 50, 11, 12]);
    assert.equal([...new Set(await Promise.all(flood.slice(0, 8)))], ["ok"]);
  } finally {
    time.remove();
  }
});

test("a caller that has had its share does not come before one with an older request, whatever it sends now", async () => {
  const time = new VirtualTime();
  time.install();
  try {
    const { infer, computed } = heldEngine(100, () => time.sleep(100));
    const answers = [infer("flood", 0)];
    await time.pass(200);
    // Both keep the device busy for 2 s; one sends eight times as much.
    for (let round = 0; round < 5; round++) {
      for (let image = 0; image < 8; image++) answers.push(infer("flood", 1));
      answers.push(infer("few", 2));
      await time.pass(400);
    }
    const soon = computed.slice(0, 21);
    assert.is(soon.filter((gray) => gray === 2).length, 5, `computed in the order ${soon}`);
    await time.pass(5_000);
    assert.equal([...new Set(await Promise.all(answers))], ["ok"]);
  } finally {
    time.remove();
  }
});

test("a caller that had nothing waiting is next, no matter how much slower the device has become than it was", async () => {
  const time = new VirtualTime();
  time.install();
  try {
    let ms = 10;
    const { infer, computed } = heldEngine(1_000, () => time.sleep(ms));
    const answers = [infer("flood", 0)];
    await time.pass(50);
    ms = 100;
    for (let image = 0; image < 100; image++) answers.push(infer("flood", 1));
    await time.pass(5_050);
    const before = computed.length;
    assert.ok(before > 40 && before < 60, `${before} were computed`);
    answers.push(infer("few", 2));
    await time.pass(300);
    assert.ok(computed.slice(before, before + 2).includes(2), `computed then ${computed.slice(before)}`);
    await time.pass(10_000);
    assert.equal([...new Set(await Promise.all(answers))], ["ok"]);
  } finally {
    time.remove();
  }
});

test("two callers that flood a queue have half of it each, no matter which came first", async () => {
  const { engine, infer, end } = heldEngine(8);
  const first = [infer("first", 1)];
  await settled();
  for (let place = 0; place < 8; place++) first.push(infer("first", 1));
  const second = Array.from({ length: 8 }, () => infer("second", 2));
  const refused = (outcomes: readonly string[]) =>
    outcomes.filter((outcome) => outcome === "network/queue-full").length;
  assert.is(engine.load().pendingImages, 8);
  await end(9);
  assert.is(refused(await Promise.all(first)), 4);
  assert.is(refused(await Promise.all(second)), 4);
});

test("the requests of one caller stay in their order, urgent ones first", async () => {
  const { infer, end, computed } = heldEngine(100);
  const answers = [infer("a", 0)];
  await end(1);
  answers.push(infer("a", 1));
  await settled();
  for (const [gray, priority] of [
    [6, 5],
    [7, 5],
    [3, 1],
    [4, 1],
  ] as const)
    answers.push(infer("a", gray, priority));
  answers.push(infer("b", 50, 10));
  await end(7);
  await Promise.all(answers);
  assert.equal(
    computed.filter((gray) => gray !== 50),
    [0, 1, 3, 4, 6, 7],
  );
});

// Only Linux has all of 127.0.0.0/8 without being asked to.
if (process.platform === "linux")
  test("over HTTP, callers are told apart by their address", async () => {
    let isHeld = true;
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    const colors = colorModel();
    const model: ServedModel = {
      ...colors,
      submit: async (images, count, extra) => {
        if (isHeld) await released;
        return colors.submit(images, count, extra);
      },
    };
    const rest = await startRest({}, model, 8, { maxBatch: 1, maxQueue: 4 });
    const infer = (localAddress: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const url = `${rest.url}/v2/models/colors:pixels/infer`;
        const call = httpRequest(url, { method: "POST", localAddress, agent: false }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        call.on("error", reject);
        call.end(
          JSON.stringify({
            inputs: [{ name: "pixels", datatype: "UINT8", shape: [1, 4, 4, 3], data: Array(48).fill(9) }],
          }),
        );
      });
    const flood = Array.from({ length: 12 }, () => infer("127.0.0.1"));
    for (let turn = 0; rest.repository.find("colors", "").load().pendingImages < 4; turn++) {
      assert.ok(turn < 100_000, "the queue fills");
      await nextTurn();
    }
    const other = infer("127.0.0.2");
    // The flood's refused requests have ended; of those that wait, one gives way.
    await Promise.race(flood);
    await settled();
    isHeld = false;
    release();
    assert.is(await other, 200);
    const outcomes = await Promise.all(flood);
    assert.equal([...new Set(outcomes)].sort(), [200, 503]);
    await rest.close();
  });

test.run();
