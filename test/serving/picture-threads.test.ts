// Picture threads: the same pixels as in the serving thread; no picture stops those of others, and no memory stays.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { type ErrorCode, isVitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { readPicture } from "../../runtime/image/picture-reader.js";
import type { PictureJob } from "../../server/inference/pictures/picture-decoder.js";
import {
  createPictureThreads,
  defaultDecodeThreads,
  type PictureThreads,
  type PictureThreadsOptions,
} from "../../server/inference/pictures/picture-threads.js";
import { wavesJpeg } from "../inference/tiny-model.js";
import { plainJpeg, plainPng } from "./drawn-files.js";

const transform = { size: 32 };
const MIB = 2 ** 20;

function jobOf(file: Uint8Array, changes: Partial<PictureJob> = {}): PictureJob {
  return {
    file,
    transform,
    pixelLimit: 2 ** 26,
    timeoutMs: 60_000,
    priority: 0,
    deadline: Number.POSITIVE_INFINITY,
    caller: "",
    owner: {},
    onStart: () => {},
    ...changes,
  };
}

async function codeOf(promise: Promise<unknown>): Promise<ErrorCode | "no error"> {
  try {
    await promise;
  } catch (error) {
    if (isVitrineError(error)) return error.code;
    throw error;
  }
  return "no error";
}

async function withThreads(
  work: (pool: PictureThreads) => Promise<void>,
  threads = 2,
  changes: Partial<PictureThreadsOptions> = {},
): Promise<void> {
  const pool = await createPictureThreads({ threads, maxPixels: 2 ** 26, ...changes });
  try {
    await work(pool);
  } finally {
    await pool.close();
  }
}

test("pictures get the pixels that the serving thread would give them, and errors its codes", () =>
  withThreads(async (pool) => {
    const module = await createImageModule(nodeHost());
    const files = [
      wavesJpeg(1),
      wavesJpeg(2, 200, 70),
      plainPng(90, 20),
      plainPng(9, 9, { interlaced: true, inflated: 500 }),
    ];
    // A view into a larger message, as protocols give it; the message stays the caller's.
    const message = new Uint8Array(100_000).fill(7);
    message.set(files[0] as Uint8Array, 50);
    files.push(message.subarray(50, 50 + (files[0] as Uint8Array).length));
    const decoded = await Promise.all(files.map((file) => pool.decode(jobOf(file))));
    for (const [place, file] of files.entries())
      assert.equal(decoded[place], await readPicture(module, file, transform), `file ${place}`);
    assert.is(message[0], 7);
    const broken = [new Uint8Array(0), Uint8Array.of(1, 2, 3), wavesJpeg(1).subarray(0, 500)];
    for (const file of broken)
      assert.is(await codeOf(pool.decode(jobOf(file))), await codeOf(readPicture(module, file, transform)));
  }));

test("a bomb costs no more than its header says, and pictures of too many pixels are refused by name", () =>
  withThreads(async (pool) => {
    for (const interlaced of [false, true]) {
      const bomb = plainPng(64, 64, { interlaced, inflated: 128 * MIB });
      const code = await codeOf(pool.decode(jobOf(bomb)));
      assert.ok(code === "no error" || code.startsWith("image/"), code);
    }
    assert.is(pool.replaced, 0, "none took the memory that it inflates to");
    const small = { pixelLimit: 10_000 };
    assert.is(await codeOf(pool.decode(jobOf(plainPng(8000, 8000), small))), "image/too-large");
    assert.is(await codeOf(pool.decode(jobOf(plainJpeg(8000, 8000), small))), "jpeg/too-large");
    const bitmap = Buffer.concat([Buffer.from("P6\n60 60\n255\n"), Buffer.alloc(60 * 60 * 3, 7)]);
    assert.is(await codeOf(pool.decode(jobOf(bitmap, small))), "image/too-large", "a quarter of the limit");
    assert.is(await codeOf(pool.decode(jobOf(plainPng(60, 60), small))), "no error");
    const shrunk = await pool.decode(jobOf(plainJpeg(800, 400), small));
    assert.ok(
      shrunk.every((value) => value === 128),
      "decoded at a quarter of its size",
    );
    assert.is(pool.replaced, 0);
  }));

test("a picture that takes too long ends its thread with a typed error, and others go on", () =>
  withThreads(async (pool) => {
    const slow = pool.decode(jobOf(plainJpeg(6000, 6000, { progressive: true }), { timeoutMs: 1 }));
    assert.is(await codeOf(slow), "image/decode-timeout");
    assert.is(pool.replaced, 1);
    for (let seed = 0; seed < 4; seed++)
      assert.is((await pool.decode(jobOf(wavesJpeg(seed)))).length, 32 * 32 * 3);
  }));

test("large pictures are decoded one at a time, while small ones pass", () =>
  withThreads(async (pool) => {
    const order: string[] = [];
    const large = plainJpeg(4200, 4200, { sampling: 0x22 });
    const decode = (name: string, file: Uint8Array) => pool.decode(jobOf(file)).then(() => order.push(name));
    await Promise.all([
      ...["large 1", "large 2", "large 3"].map((name) => decode(name, large)),
      ...["small 1", "small 2"].map((name) => decode(name, wavesJpeg(1))),
    ]);
    assert.ok(order.indexOf("small 2") < order.indexOf("large 2"), order.join(", "));
  }));

test("one thread decodes large and small pictures in turn", () =>
  withThreads(async (pool) => {
    const order: string[] = [];
    const decode = (name: string, file: Uint8Array) => pool.decode(jobOf(file)).then(() => order.push(name));
    const large = plainJpeg(4200, 4200, { sampling: 0x22 });
    await Promise.all([
      decode("L", large),
      decode("L", large),
      ...[1, 2, 3].map((seed) => decode("s", wavesJpeg(seed))),
    ]);
    assert.is(order.join("").replace(/^s*/, "").indexOf("LL"), -1, order.join(" "));
    assert.is(order.length, 5);
  }, 1));

test("after 20 large pictures at once the memory is back, and never was more than that of one", () =>
  withThreads(
    async (pool) => {
      await pool.decode(jobOf(wavesJpeg(1)));
      const base = process.memoryUsage.rss();
      let peak = 0;
      const watch = setInterval(() => {
        peak = Math.max(peak, process.memoryUsage.rss());
      }, 5);
      // 50 MiB as RGB.
      const file = plainPng(4200, 4200);
      await Promise.all(Array.from({ length: 20 }, () => pool.decode(jobOf(file))));
      clearInterval(watch);
      assert.ok(pool.replaced > 0);
      assert.ok(peak - base < 130 * MIB, `${(peak - base) / MIB} MiB more at most`);
      await pool.decode(jobOf(wavesJpeg(1)));
      const after = process.memoryUsage.rss() - base;
      assert.ok(after < 80 * MIB, `${after / MIB} MiB stayed`);
    },
    4,
    { keepBytes: 32 * MIB },
  ));

test("pictures of an abandoned request are not begun, and one that takes long is ended", () =>
  withThreads(async (pool) => {
    const owner = {};
    let started = 0;
    const onStart = () => started++;
    const file = plainJpeg(6000, 6000, { progressive: true });
    const jobs = Array.from({ length: 50 }, () => codeOf(pool.decode(jobOf(file, { owner, onStart }))));
    pool.abandon(owner);
    assert.is(pool.load().queued, 0, "at once");
    const codes = await Promise.all(jobs);
    assert.is(codes.filter((code) => code === "network/canceled").length >= 48, true);
    assert.ok(started <= 2);
    assert.is((await pool.decode(jobOf(wavesJpeg(3)))).length, 32 * 32 * 3);
  }));

test("a job whose deadline has passed is not begun", () =>
  withThreads(async (pool) => {
    const late = pool.decode(
      jobOf(wavesJpeg(1), { deadline: Date.now() - 1, onStart: () => assert.unreachable() }),
    );
    assert.is(await codeOf(late), "network/deadline");
  }));

test("closing fails the jobs in progress and those that come later", async () => {
  const pool = await createPictureThreads({ threads: 1, maxPixels: 2 ** 26 });
  const jobs = [1, 2, 3].map((seed) => codeOf(pool.decode(jobOf(wavesJpeg(seed)))));
  await pool.close();
  assert.equal(await Promise.all(jobs), Array(3).fill("network/draining"));
  assert.is(await codeOf(pool.decode(jobOf(wavesJpeg(1)))), "network/draining");
});

test("decoding gets half of the cores, and never only one thread", () => {
  assert.equal([1, 2, 4, 5, 16].map(defaultDecodeThreads), [2, 2, 2, 2, 8]);
});

test.run();
