// Warm-up: a thread without work decodes a picture of its own, and stops when work comes.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule, type ImageModule } from "../../runtime/image/image-module.js";
import { runDecodeTask } from "../../server/data/decode-task.js";
import { warmUp } from "../../server/data/warm-up.js";

const test = suite<{ module: ImageModule }>("warm-up");

const warm = ({ module }: { module: ImageModule }, isIdle: () => boolean): Promise<number> =>
  warmUp(module.math, isIdle, (task, batch, reading) => runDecodeTask(module, task, batch, {}, reading));

test.before(async (context) => {
  context.module = await createImageModule(nodeHost());
});

test("a thread that has work at once makes nothing", async (context) => {
  assert.is(await warm(context, () => false), 0);
});

test("every picture of every task is decoded, until there is work", async (context) => {
  let tasks = 0;
  assert.is(await warm(context, () => tasks++ < 3), 6);
});

test("a thread that stays without work comes to an end", async (context) => {
  let tasks = 0;
  const made = await warm(context, () => ++tasks > 0);
  assert.is(made, 2 * tasks);
});

test.run();
