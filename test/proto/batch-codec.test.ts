// Batch codec: our own framing and protobufjs's agree, pixels are not copied on arrival, damage gives typed errors.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { decodeBatch, encodeBatch, type WireBatch } from "../../proto/batch-codec.js";
import { vitrine } from "../../proto/generated/data.js";
import { isVitrineError } from "../../runtime/errors.js";
import { wireBatch } from "./wire-batch.js";

function plain(batch: WireBatch): object {
  const { cursor, count, size } = batch;
  const { labels, partnerLabels, lambdas, weights, pixels } = batch;
  return {
    cursor: { epoch: cursor.epoch, batch: cursor.batch },
    count,
    size,
    numbers: [labels, partnerLabels, lambdas, weights, pixels].map((field) => Array.from(field)),
  };
}

test("a batch arrives as it was sent", () => {
  for (const [count, size] of [
    [1, 1],
    [4, 9],
    [33, 16],
  ] as const) {
    const batch = wireBatch(count, size);
    assert.equal(plain(decodeBatch(encodeBatch(batch))), plain(batch));
  }
});

test("protobufjs reads our message, and we read protobufjs's", () => {
  const batch = wireBatch(3, 8);
  const theirs = vitrine.data.v1.Batch.decode(encodeBatch(batch));
  assert.equal(Array.from(theirs.pixels), Array.from(batch.pixels));
  assert.equal(theirs.labels, Array.from(batch.labels));
  const message = vitrine.data.v1.Batch.encode(theirs).finish();
  assert.equal(plain(decodeBatch(message)), plain(batch));
});

test("the received pixels alias the received message", () => {
  const message = encodeBatch(wireBatch(2, 8));
  const { pixels } = decodeBatch(message);
  assert.is(pixels.buffer, message.buffer);
});

test("a truncated or inconsistent message gives a typed error", () => {
  const batch = wireBatch(2, 4);
  const message = encodeBatch(batch);
  const isBad = (error: unknown): boolean => isVitrineError(error) && error.code === "protocol/bad-batch";
  for (let length = 0; length < message.length; length++) {
    assert.throws(() => decodeBatch(message.subarray(0, length)), isBad, `cut at ${length}`);
  }
  assert.throws(() => decodeBatch(encodeBatch({ ...batch, size: 5 })), isBad);
  assert.throws(() => decodeBatch(encodeBatch({ ...batch, labels: new Int32Array(1) })), isBad);
});

test.run();
