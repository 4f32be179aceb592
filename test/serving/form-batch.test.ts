// Form batch: a batch takes as many images as end in time, and expectations come from what ran.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { BatchTimes } from "../../server/inference/batch-times.js";
import { formBatch } from "../../server/inference/form-batch.js";
import { WaitingRequest } from "../../server/inference/waiting-request.js";

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

/** Batches of n images take n · 10 ms. */
function linearTimes(maxBatch = 8): BatchTimes {
  const times = new BatchTimes(maxBatch);
  for (const size of [1, 2, 4, 8]) times.add(size, size / 100);
  return times;
}

function formed(queue: (WaitingRequest & { name: string })[], most = 8, times = linearTimes(most)) {
  const { images, late } = formBatch(queue, { most, times, now: NOW });
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
  // Five images take as long as eight: 80 ms.
  const queue = [waiting("a", 1, 45), ...["b", "c", "d", "e", "f"].map((name) => waiting(name, 1, 1_000))];
  assert.equal(formed(queue), { batch: "abcd", late: "" });
});

test("a request that the batch before it makes late is dropped at once, and takes no place in it", () => {
  const queue = [waiting("a", 4, 1_000), waiting("b", 1, 60), waiting("c", 4, 1_000), waiting("d", 1, 85)];
  // b would be in a batch of 80 ms; d would be after it.
  assert.equal(formed(queue), { batch: "aaaacccc", late: "bd" });
});

test("a request of more images than can be computed until its deadline is dropped before the first", () => {
  assert.equal(formed([waiting("a", 24, 200), waiting("b", 1, 1_000)]), { batch: "b", late: "a" });
  assert.equal(formed([waiting("a", 24, 250), waiting("b", 1, 1_000)]).batch, "aaaaaaaa");
});

test("where all are late, one is tried while its deadline is to come, for the expectation may be wrong", () => {
  assert.equal(formed([waiting("a", 1, -1), waiting("b", 2, 5), waiting("c", 1, 5)]), {
    batch: "b",
    late: "ac",
  });
  assert.equal(formed([waiting("a", 1, -1)]), { batch: "", late: "a" });
  assert.equal(
    formed([waiting("a", 1, 1)], 8, new BatchTimes(8)),
    { batch: "a", late: "" },
    "nothing has run yet",
  );
});

test("the expected time of a batch is the second longest of the last eight of its size", () => {
  const times = new BatchTimes(8);
  assert.is(times.ofBatch(3), 0);
  for (const seconds of [9, 1, 1, 1, 5, 2, 1, 1, 1]) times.add(3, seconds);
  assert.is(times.ofBatch(4), 2, "9 is forgotten, and 5 a hiccup");
  assert.is(times.ofBatch(8), 4, "in proportion");
  assert.is(times.ofBatch(1), 0.5);
  times.add(8, 3);
  assert.is(times.ofImages(19), 2 * 3 + 2);
  assert.is(times.ofImages(0), 0);
});

test("a largest batch that is no power of two has a size of its own", () => {
  const times = new BatchTimes(6);
  times.add(5, 1);
  assert.is(times.ofBatch(6), 1);
  assert.is(times.ofImages(12), 2);
});

test.run();
