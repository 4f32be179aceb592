// Fair queue: owners take turns, and what was taken can be put back.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FairQueue } from "../../server/fair-queue.js";

const test = suite("fair queue");

function takeAllInTurn(queue: FairQueue<string>): string[] {
  const taken: string[] = [];
  for (let item = queue.take(); item !== undefined; item = queue.take()) taken.push(item);
  return taken;
}

test("an owner with many items and one with few take turns", () => {
  const queue = new FairQueue<string>();
  const [many, few] = [{}, {}];
  for (const item of ["a1", "a2", "a3", "a4"]) queue.push(many, item);
  for (const item of ["b1", "b2"]) queue.push(few, item);
  assert.equal(takeAllInTurn(queue), ["a1", "b1", "a2", "b2", "a3", "a4"]);
});

test("an owner that comes back takes its turn after the others", () => {
  const queue = new FairQueue<string>();
  const [one, other] = [{}, {}];
  queue.push(one, "a1");
  queue.push(other, "b1");
  queue.push(other, "b2");
  assert.is(queue.take(), "a1");
  queue.push(one, "a2");
  assert.equal(takeAllInTurn(queue), ["b1", "a2", "b2"]);
});

test("an item that is put back comes before its owner's other items", () => {
  const queue = new FairQueue<string>();
  const owner = {};
  for (const item of ["1", "2"]) queue.push(owner, item);
  const first = queue.take() as string;
  queue.putBack(owner, first);
  assert.equal(takeAllInTurn(queue), ["1", "2"]);
});

test("all items can be taken at once", () => {
  const queue = new FairQueue<string>();
  queue.push({}, "a");
  queue.push({}, "b");
  assert.equal(queue.takeAll(), ["a", "b"]);
  assert.is(queue.take(), undefined);
});

test.run();
