// Order queue: orders to load and unload models run one at a time; those that wait are bounded in number, and leave when
// their caller does.

import { setTimeout as delay } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { OrderQueue } from "../../server/inference/repository/order-queue.js";
import type { RequestLife } from "../../server/request-life.js";
import { PATIENT } from "./model-folder.js";

/** A queue whose first order runs until `release`, and what has run. */
function busyQueue() {
  const queue = new OrderQueue();
  const ran: string[] = [];
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  const first = queue.run(() => released);
  const order = (name: string, life: RequestLife = { ...PATIENT, signal: new AbortController().signal }) => {
    const ended = queue.order(async () => void ran.push(name), life);
    return ended.then(
      () => "done",
      (error) => error.code as string,
    );
  };
  return { queue, ran, order, first, release };
}

test("orders run in their order, one at a time; one that fails does not stop those behind it", async () => {
  const queue = new OrderQueue();
  let running = 0;
  const ran: number[] = [];
  const orders = [0, 1, 2].map((number) =>
    queue.order(async () => {
      assert.is(++running, 1);
      await delay(5);
      running--;
      ran.push(number);
      if (number === 1) throw new Error("bad");
    }, PATIENT),
  );
  const outcomes = await Promise.allSettled(orders);
  assert.equal(
    outcomes.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  assert.equal(ran, [0, 1, 2]);
});

test("17 orders behind a busy one: the last is refused with the number that may wait and when to try again", async () => {
  const { queue, ran, order, release } = busyQueue();
  const waiting = Array.from({ length: 16 }, (_, place) => order(String(place)));
  const refused = await queue.order(async () => {}, PATIENT).catch((error) => error);
  assert.is(refused.code, "network/queue-full");
  assert.match(refused.message, /16 orders .* are waiting; allowed: 16/);
  assert.ok(refused.details.retryAfterMs > 0);
  release();
  assert.equal([...new Set(await Promise.all(waiting))], ["done"]);
  assert.is(ran.length, 16);
});

test("a canceled order and one whose deadline passed leave at once, give their places back, and never run", async () => {
  const { ran, order, release } = busyQueue();
  const caller = new AbortController();
  const canceled = Array.from({ length: 15 }, () => order("canceled", { ...PATIENT, signal: caller.signal }));
  const late = order("late", { ...PATIENT, deadline: Date.now() + 20 });
  assert.is(await order("one too many"), "network/queue-full");
  caller.abort();
  assert.equal([...new Set(await Promise.all(canceled))], ["network/canceled"]);
  assert.is(await late, "network/deadline");
  const next = order("next");
  release();
  assert.is(await next, "done");
  assert.equal(ran, ["next"]);
});

test("who has gone or is late on arrival is refused, also where nothing waits", async () => {
  const queue = new OrderQueue();
  const code = (life: Parameters<OrderQueue["order"]>[1]) =>
    queue.order(async () => "done", life).catch((error) => error.code);
  assert.is(await code({ ...PATIENT, signal: AbortSignal.abort() }), "network/canceled");
  for (const deadline of [Date.now(), 0, -1])
    assert.is(await code({ ...PATIENT, deadline }), "network/deadline");
});

test("the server's own work waits for its turn, is not counted, and is not refused", async () => {
  const { queue, ran, order, first, release } = busyQueue();
  const own = Array.from({ length: 40 }, () => queue.run(async () => void ran.push("own")));
  const last = order("last");
  release();
  await Promise.all([first, ...own]);
  assert.is(await last, "done");
  assert.is(ran.at(-1), "last");
});

test.run();
