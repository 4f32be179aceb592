// One ahead: results come in the items' order, one item late where the work is underway and at once where it is not.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { finished, joined, pipelined, type Started, underway } from "../../runtime/executors/pipelined.js";

/** Items 0, 1, … whose giving away is told. */
async function* numbers(count: number, told: string[]): AsyncGenerator<number> {
  try {
    for (let item = 0; item < count; item++) {
      told.push(`give ${item}`);
      yield item;
    }
  } finally {
    told.push("close");
  }
}

async function story(count: number, start: (item: number) => Started<number>): Promise<string[]> {
  const told: string[] = [];
  const begin = async (item: number) => {
    told.push(`start ${item}`);
    return start(item);
  };
  await pipelined(numbers(count, told), begin, (result) => void told.push(`take ${result}`)).catch((error) =>
    told.push(String(error)),
  );
  return told;
}

const later = (result: number) =>
  underway(new Promise<number>((resolve) => setTimeout(() => resolve(result), 2)));

test("what is underway is taken behind the start of the next item, and before another is asked for", async () => {
  assert.equal(await story(3, later), [
    ...["give 0", "start 0", "give 1", "start 1", "take 0", "give 2", "start 2", "take 1", "close", "take 2"],
  ]);
});

test("what is there already is taken before the next item is asked for", async () => {
  assert.equal(await story(2, finished), [
    "give 0",
    "start 0",
    "take 0",
    "give 1",
    "start 1",
    "take 1",
    "close",
  ]);
  const mixed = (item: number) => (item === 0 ? later(item) : finished(item));
  assert.equal(await story(2, mixed), [
    "give 0",
    "start 0",
    "give 1",
    "start 1",
    "take 0",
    "take 1",
    "close",
  ]);
  assert.equal(await story(0, finished), ["close"]);
});

test("a failure ends the items, whether a start or an outcome fails, and is the one that is thrown", async () => {
  const failing = (result: string) => underway(Promise.reject(new Error(result)));
  const outcome = (item: number) => (item === 1 ? failing("outcome 1") : later(item));
  assert.equal(await story(5, outcome), [
    ...["give 0", "start 0", "give 1", "start 1", "take 0", "give 2", "start 2", "close", "Error: outcome 1"],
  ]);
  const start = (item: number) => {
    if (item === 0) return failing("outcome 0");
    throw new Error("start 1");
  };
  assert.equal(await story(5, start), ["give 0", "start 0", "give 1", "start 1", "close", "Error: start 1"]);
});

test("pieces are underway as the last of them is, and come in their order", async () => {
  const sum = joined([later(1), later(2)], (results) => results.join());
  assert.is(sum.underway, true);
  assert.is(await sum.outcome, "1,2");
  const there = joined([finished(3)], (results) => results.join());
  assert.is(there.underway, false);
  assert.is(await there.outcome, "3");
});

test.run();
