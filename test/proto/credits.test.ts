// Credits: the account never hands out more than its window, in any order of taking and granting.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { encodeBatch } from "../../proto/batch-codec.js";
import { batchCost, CreditAccount, defaultCredit } from "../../proto/credits.js";
import { isVitrineError } from "../../runtime/errors.js";
import { wireBatch } from "./wire-batch.js";

/** Whether a promise has settled, without waiting for it. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol("pending");
  await new Promise((resolve) => setImmediate(resolve));
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return isVitrineError(error) ? error.code : String(error);
  }
  return "no error";
}

test("available credit is taken at once, missing credit is waited for", async () => {
  const account = new CreditAccount(100);
  await account.take(60);
  const second = account.take(60);
  assert.is(await settled(second), false);
  account.grant(10);
  assert.is(await settled(second), false, "50 left do not cover 60");
  account.grant(10);
  assert.is(await settled(second), true);
  assert.is(account.outstanding, 100);
});

test("a batch larger than the window is refused at once, with both numbers", async () => {
  const account = new CreditAccount(100);
  const error = await account.take(101).then(
    () => null,
    (reason) => reason,
  );
  assert.is(error.code, "protocol/credit-too-small");
  assert.match(error.message, /101.*100/);
  assert.is(account.outstanding, 0);
});

test("more credit than was used is refused", async () => {
  const account = new CreditAccount(100);
  await account.take(40);
  assert.throws(
    () => account.grant(41),
    (error: unknown) => isVitrineError(error) && error.code === "protocol/credit-overflow",
  );
  assert.is(account.outstanding, 40);
});

test("closing rejects the waiting taker and all later ones", async () => {
  const account = new CreditAccount(10);
  await account.take(10);
  const waiting = codeOf(account.take(1));
  account.close(new Error("gone"));
  assert.is(await waiting, "Error: gone");
  assert.is(await codeOf(account.take(1)), "Error: gone");
});

test("a batch costs at least its message's length, and at most 1% more from 32 pixels on", () => {
  for (const [count, size] of [
    [1, 1],
    [3, 32],
    [64, 64],
    [5, 224],
  ] as const) {
    const { length } = encodeBatch(wireBatch(count, size));
    const cost = batchCost(count, size);
    assert.ok(length <= cost, `${count} × ${size}: ${length} ≤ ${cost}`);
    if (size >= 32) assert.ok(cost <= length * 1.01);
  }
});

test("the default window is what fits in 64 MiB, from two to eight batches", () => {
  assert.is(defaultCredit(100e6), 200e6);
  assert.is(defaultCredit(20e6), 60e6);
  assert.is(defaultCredit(1e6), 8e6);
});

test.run();
