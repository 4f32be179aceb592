// Form batch: a batch takes as many images as end in time, and expectations come from what ran.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { BatchTimes } from "../../server/inference/engine/batch-times.js";
import { formBatch } from "../../server/inference/engine/form-batch.js";
import { WaitingRequest } from "../../server/inference/engine/waiting-request.js";

const KIND = { input: "pixels", embeddings: false, attention: false } as const;
const NOW = 1e12;

/** `count` images, `ready` of them ready, to be answered `inMs` from now. */
function waiting(
  name: string,
  count: number,
  inMs: number,
  ready = count,
): WaitingRequest & { name: string } {
  const request = new WaitingRequest({ count, kind: KIND, priority: 5, deadline: NOW + inMs });
  for (let index = 0; index < ready; index++)
    request.ready.push({ index, image: new Uint8Array(3), since: 0 });
  request.answer.catch(() => {});
  return Object.assign(request, { name });
}

/** Batches of n images take n · 10 ms, with the margin n · 11.5 ms. */
function linearTimes(maxBatch = 8): BatchTimes {
  const times = new BatchTimes(maxBatch);
  for (const size of [1, 2, 4, 8]) times.add(size, size / 100);
  return times;
}

function formed(
  queue: (WaitingRequest & { name: string })[],
  { times = linearTimes(), isOverloaded = false } = {},
) {
  const { images, late } = formBatch(queue, { most: 8, times, now: NOW, isOverloaded });
  const names = (requests: unknown[]) =>
    requests.map((request) => (request as { name: string }).name).join("");
  return { batch: names(images.map(({ request }) => request)), late: names(late).split("").sort().join("") };
}

test("images are taken in the order of the queue, up to the largest batch", () => {
  const queue = [waiting("a", 3, Infinity), waiting("b", 2, Infinity, 1), waiting("c", 9, Infinity)];
  assert.equal(formed(queue), { batch: "aaabcccc", late: "" });
  assert.is(queue[2]?.waiting, 5);
});

test("a batch grows only while the requests in it are answered in time", () => {
  // Five images take as long as eight: 92 ms.
  const queue = [waiting("a", 1, 50), ...["b", "c", "d", "e", "f"].map((name) => waiting(name, 1, 1_000))];
  assert.equal(formed(queue), { batch: "abcd", late: "" });
});

test("a request that the batch before it makes late is dropped at once, and takes no place in it", () => {
  const queue = [waiting("a", 4, 1_000), waiting("b", 1, 60), waiting("c", 4, 1_000), waiting("d", 1, 85)];
  // b would be in a batch of 92 ms; d would be after it.
  assert.equal(formed(queue), { batch: "aaaacccc", late: "bd" });
});

test("a request of more images than can be computed until its deadline is dropped before the first", () => {
  assert.equal(formed([waiting("a", 24, 200), waiting("b", 1, 1_000)]), { batch: "b", late: "a" });
  assert.equal(formed([waiting("a", 24, 280), waiting("b", 1, 1_000)]).batch, "aaaaaaaa");
});

test("where all are late, one is tried while its deadline is to come, for the expectation may be wrong", () => {
  assert.equal(formed([waiting("a", 1, -1), waiting("b", 2, 5), waiting("c", 1, 5)]), {
    batch: "bb",
    late: "ac",
  });
  assert.equal(formed([waiting("a", 1, -1)]), { batch: "", late: "a" });
  assert.equal(
    formed([waiting("a", 1, 1)], { times: new BatchTimes(8) }),
    { batch: "a", late: "" },
    "nothing has run yet",
  );
});

test("where more come than can be answered, those that keep a batch small are dropped for a faster one", () => {
  // A batch of 1 takes 40 ms, of 8 only 75.
  const times = new BatchTimes(8);
  for (const size of [1, 2, 4, 8]) times.add(size, (35 + 5 * size) / 1000);
  const queue = () => [waiting("a", 1, 50), ...["b", "c", "d"].map((name) => waiting(name, 3, 1_000))];
  assert.equal(formed(queue(), { times }), { batch: "a", late: "" });
  assert.equal(formed(queue(), { times, isOverloaded: true }), { batch: "bbbcccdd", late: "a" });
  const tight = () => ["a", "b", "c", "d", "e", "f"].map((name) => waiting(name, 1, 70));
  assert.equal(
    formed(tight(), { times, isOverloaded: true }),
    { batch: "abcd", late: "ef" },
    "none of 8 is in time",
  );
});

const MARGIN = 1.15;
const close = (got: number, expected: number): void =>
  assert.ok(Math.abs(got - expected) < 1e-9, `${got} instead of ${expected}`);

test("a batch's time is expected from those of its size, else from others", () => {
  const times = new BatchTimes(8);
  assert.is(times.ofBatch(3), 0);
  times.add(3, 0.4);
  close(times.ofBatch(4), 0.4 * MARGIN);
  close(times.ofBatch(8), 0.8 * MARGIN);
  close(times.ofBatch(1), 0.1 * MARGIN);
  times.add(8, 0.6);
  close(times.ofImages(19), (0.6 + 0.6 + 0.4) * MARGIN);
  assert.is(times.ofImages(0), 0);
  const odd = new BatchTimes(6);
  odd.add(5, 1);
  close(odd.ofBatch(6), MARGIN);
  close(odd.ofImages(12), 2 * MARGIN);
});

test("every batch corrects the times of all sizes, and a hiccup changes little", () => {
  const times = new BatchTimes(8);
  for (const size of [1, 2, 4, 8]) times.add(size, size / 100);
  times.add(1, 10);
  assert.ok(times.ofBatch(1) < 1.3 * 0.01 * MARGIN);
  // The machine is half as fast now, which only batches of one image tell.
  for (let batch = 0; batch < 40; batch++) times.add(1, 0.02);
  assert.ok(Math.abs(times.ofBatch(8) / (0.16 * MARGIN) - 1) < 0.3, `${times.ofBatch(8)}`);
});

test("twice as many images take no longer than two batches, whatever was measured once", () => {
  const times = new BatchTimes(8);
  times.add(8, 99);
  times.add(1, 0.01);
  close(times.ofBatch(8), 0.08 * MARGIN);
  times.add(2, 0.001);
  close(times.ofBatch(2), times.ofBatch(1));
});

test("the margin grows with late answers, shrinks while batches have room for what is refused, within limits", () => {
  const times = new BatchTimes(1);
  times.add(1, 1);
  const after = (batches: number, isLate: boolean, hadRoom: boolean): number => {
    for (let batch = 0; batch < batches; batch++) times.adjustMargin(isLate, hadRoom);
    return times.ofBatch(1);
  };
  close(after(10, false, false), MARGIN);
  assert.ok(after(1, true, true) > MARGIN);
  assert.is(after(100, true, false), 2);
  assert.ok(after(1, false, true) < 2);
  assert.is(after(1000, false, true), 1);
});

test.run();
