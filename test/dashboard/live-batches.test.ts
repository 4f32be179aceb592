// Live batches: a batch is made only for those who wait for one, at most one a second, and for a twentieth of the time.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { LiveBatches } from "../../bin/dashboard/live-batches.js";
import { encodeRgbJpeg } from "../../bin/image/write-picture.js";
import type { ShownBatch } from "../../trainer/core/show-batch.js";

const labels = ["dog", "cat", "emu"];
const never = () => new AbortController().signal;

/** Two pictures of 2×2 pixels: a mixed one and one that could not be read. The data set's classes are cat, dog. */
function shownBatch(fill: number): ShownBatch {
  return {
    batch: {
      cursor: { epoch: 1, batch: 2 },
      ...{ count: 2, size: 2, pixels: new Uint8Array(24).fill(fill), waitSeconds: 0 },
      labels: Int32Array.of(0, 1),
      partnerLabels: Int32Array.of(1, 1),
      lambdas: Float64Array.of(0.75, 1),
      weights: Float32Array.of(1, 0),
    },
    step: 9,
    classMap: Int32Array.of(1, 0),
    answers: {
      logits: Float32Array.of(0, 0, 9, 9, 0, 0),
      classLogits: Float32Array.of(0, 9, 0, 9, 0, 0),
      distillationLogits: Float32Array.of(0, 0, 9, 9, 0, 0),
    },
    teacher: Float32Array.of(9, 0, 0, Number.NaN, 0, 1),
  };
}

test("nobody waits: no batch is wanted", () => {
  assert.is(new LiveBatches().isWanted(), false);
});

test("a picture has its mixed label and the decisions of both heads and the teacher, in the model's classes", async () => {
  const batches = new LiveBatches();
  const asked = batches.next(0, never());
  assert.ok(batches.isWanted());
  batches.show(shownBatch(7), labels);
  const view = await asked;
  assert.equal([view?.number, view?.step, view?.epoch, view?.batch], [1, 9, 1, 2]);
  const [mixed, unread] = view?.pictures ?? [];
  assert.equal([mixed?.label, mixed?.partner, mixed?.lambda, mixed?.isRead], ["cat", "dog", 0.75, true]);
  const { answers } = mixed ?? {};
  const names = [answers?.class, answers?.distillation, answers?.teacher].map((answer) => answer?.name);
  assert.equal(names, ["cat", "emu", "dog"]);
  assert.ok((answers?.class.probability ?? 0) > 0.99);
  assert.is(unread?.isRead, false);
  assert.is(unread?.answers.teacher?.name, "emu");
});

test("pictures outlive the batch, whose memory is used again, until two later ones", async () => {
  const batches = new LiveBatches();
  const shown = shownBatch(200);
  batches.show(shown, labels);
  shown.batch.pixels.fill(0);
  const file = await batches.file(1, 0);
  const gray = await encodeRgbJpeg({ width: 2, height: 2, data: new Uint8Array(12).fill(200) }, 90);
  assert.equal(file, gray, "encoded from a copy");
  for (const place of [2, 99]) assert.is(await batches.file(1, place), null);
  batches.show(shownBatch(1), labels);
  batches.show(shownBatch(2), labels);
  assert.is(await batches.file(1, 0), null);
  assert.ok(await batches.file(3, 0));
});

test("at most one batch a second, and for at most a twentieth of the time", () => {
  let now = 0;
  const batches = new LiveBatches(() => now);
  void batches.next(0, never());
  assert.ok(batches.isWanted());
  now = 10;
  batches.show(shownBatch(1), labels);
  void batches.next(1, never());
  now = 999;
  assert.is(batches.isWanted(), false, "a cheap one: once a second");
  now = 1000;
  assert.ok(batches.isWanted());
  now = 3000;
  batches.show(shownBatch(1), labels);
  void batches.next(2, never());
  now = 40_999;
  assert.is(batches.isWanted(), false, "two seconds of work: once in forty");
  now = 41_000;
  assert.ok(batches.isWanted());
});

test("who gives up waiting gets nothing, and no batch is made for them", async () => {
  const batches = new LiveBatches();
  const gone = new AbortController();
  const asked = batches.next(0, gone.signal);
  gone.abort();
  assert.is(await asked, null);
  assert.is(batches.isWanted(), false);
  assert.is(await batches.next(0, gone.signal), null);
  batches.show(shownBatch(1), labels);
  assert.is((await batches.next(0, never()))?.number, 1, "a later one is there already");
});

test.run();
