// Pipelining: results arrive in the items' order, one item late if the work is still underway and otherwise
// immediately.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { finished, joined, pipelined, type Started, underway } from "../../runtime/executors/pipelined.js";

/** Items 0, 1, …; records when each is requested and when iteration ends. */
async function* numbers(count: number, events: string[]): AsyncGenerator<number> {
  try {
    for (let item = 0; item < count; item++) {
      events.push(`give ${item}`);
      yield item;
    }
  } finally {
    events.push("close");
  }
}

async function trace(count: number, start: (item: number) => Started<number>): Promise<string[]> {
  const events: string[] = [];
  const begin = async (item: number) => {
    events.push(`start ${item}`);
    return start(item);
  };
  await pipelined(numbers(count, events), begin, (result) => void events.push(`take ${result}`)).catch(
    (error) => events.push(String(error)),
  );
  return events;
}

const later = (result: number) =>
  underway(new Promise<number>((resolve) => setTimeout(() => resolve(result), 2)));

test("work that is underway is taken after the next item has started and before another is requested", async () => {
  assert.equal(await trace(3, later), [
    ...["give 0", "start 0", "give 1", "start 1", "take 0", "give 2", "start 2", "take 1", "close", "take 2"],
  ]);
});

test("a finished result is taken before the next item is requested", async () => {
  assert.equal(await trace(2, finished), [
    "give 0",
    "start 0",
    "take 0",
    "give 1",
    "start 1",
    "take 1",
    "close",
  ]);
  const mixed = (item: number) => (item === 0 ? later(item) : finished(item));
  assert.equal(await trace(2, mixed), [
    "give 0",
    "start 0",
    "give 1",
    "start 1",
    "take 0",
    "take 1",
    "close",
  ]);
  assert.equal(await trace(0, finished), ["close"]);
});

test("a failed start or outcome ends the iteration, and its error is thrown", async () => {
  const failing = (result: string) => underway(Promise.reject(new Error(result)));
  const outcome = (item: number) => (item === 1 ? failing("outcome 1") : later(item));
  assert.equal(await trace(5, outcome), [
    ...["give 0", "start 0", "give 1", "start 1", "take 0", "give 2", "start 2", "close", "Error: outcome 1"],
  ]);
  const start = (item: number) => {
    if (item === 0) return failing("outcome 0");
    throw new Error("start 1");
  };
  assert.equal(await trace(5, start), ["give 0", "start 0", "give 1", "start 1", "close", "Error: start 1"]);
});

test("joined pieces are underway if the last one is, and their results keep their order", async () => {
  const sum = joined([later(1), later(2)], (results) => results.join());
  assert.is(sum.underway, true);
  assert.is(await sum.outcome, "1,2");
  const there = joined([finished(3)], (results) => results.join());
  assert.is(there.underway, false);
  assert.is(await there.outcome, "3");
  const last = (parts: Started<number>[]) => joined(parts, (results) => results.length).underway;
  assert.is(last([finished(1), finished(2), later(3)]), true);
  assert.is(last([later(1), later(2), finished(3)]), false);
});

test.run();
