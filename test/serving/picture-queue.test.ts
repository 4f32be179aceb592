// Picture queue: priorities, requests in turn, and no starvation.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { PictureQueue } from "../../server/inference/pictures/picture-queue.js";

const job = (name: string, priority: number, owner: object, since = 0, caller = "") => ({
  name,
  priority,
  owner,
  since,
  caller,
});

function takeAllInTurn(queue: PictureQueue<ReturnType<typeof job>>): string {
  let names = "";
  for (let taken = queue.take(); taken; taken = queue.take()) names += taken.name;
  return names;
}

test("urgent pictures go first, and requests of one priority take turns", () => {
  const queue = new PictureQueue<ReturnType<typeof job>>();
  const [many, few, urgent] = [{}, {}, {}];
  for (let picture = 0; picture < 4; picture++) queue.push(job("m", 5, many));
  for (let picture = 0; picture < 2; picture++) queue.push(job("f", 5, few));
  assert.is(queue.ahead(5, "", 1), 2, "one of each");
  assert.is(queue.ahead(5, "", 3), 5);
  queue.push(job("u", 1, urgent));
  assert.is(queue.ahead(5, "", 1), 3);
  assert.is(queue.ahead(0, "", 10), 0);
  assert.is(takeAllInTurn(queue), "umfmfmm");
  assert.is(queue.size, 0);
});

test("a picture that has waited long goes before urgent ones that came much later", () => {
  const queue = new PictureQueue<ReturnType<typeof job>>();
  queue.push(job("old", 5, {}, 0));
  queue.push(job("-soon", 1, {}, 3_900));
  queue.push(job("-late", 1, {}, 4_100));
  assert.is(takeAllInTurn(queue), "-soonold-late");
});

test("callers take turns: one with many requests does not keep another one waiting", () => {
  const queue = new PictureQueue<ReturnType<typeof job>>();
  for (let request = 0; request < 5; request++) queue.push(job("m", 5, {}, 0, "many"));
  for (let request = 0; request < 2; request++) queue.push(job("f", 5, {}, 0, "few"));
  assert.is(queue.ahead(5, "new", 1), 2, "one of each");
  assert.is(queue.ahead(5, "few", 1), 5, "two of its own, and three of the other's");
  assert.is(queue.ahead(5, "many", 1), 7);
  assert.is(takeAllInTurn(queue), "mfmfmmm");
});

test("between callers priorities count for nothing", () => {
  const queue = new PictureQueue<ReturnType<typeof job>>();
  for (let request = 0; request < 3; request++) queue.push(job("u", 1, {}, 0, "urgent"));
  for (let request = 0; request < 3; request++) queue.push(job("c", 9, {}, 0, "calm"));
  assert.is(takeAllInTurn(queue), "ucucuc");
});

test("the pictures of one request are removed, the others stay", () => {
  const queue = new PictureQueue<ReturnType<typeof job>>();
  const gone = {};
  for (const priority of [1, 5, 5]) queue.push(job("g", priority, gone));
  queue.push(job("s", 5, {}));
  assert.is(queue.remove(gone).length, 3);
  assert.is(takeAllInTurn(queue), "s");
});

test.run();
