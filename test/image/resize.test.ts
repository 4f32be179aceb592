// Resize: vector passes equal their scalar references, the identity changes nothing, and bad arguments are refused.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { Domain, drawStream } from "../../runtime/draw/random.js";
import { isVitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import type { FilterName } from "../../runtime/image/input-transform.js";
import { resize } from "../../runtime/image/resize.js";
import { syntheticPicture } from "./synthetic-picture.js";

const module = await createImageModule(nodeHost());
const chance = drawStream(module.math, { seed: 3, epoch: 0, index: 0, repeat: 0 }, Domain.Sample);
const FILTERS: FilterName[] = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"];

test("vector passes equal their scalar references on random sizes, filters and boxes", () => {
  for (let round = 0; round < 240; round++) {
    const side = round % 3 === 0 ? 9 : 120;
    const picture = syntheticPicture(module.math, round, 1 + chance.integer(side), 1 + chance.integer(side));
    const filter = FILTERS[chance.integer(FILTERS.length)] as FilterName;
    const width = 1 + chance.integer(round % 2 === 0 ? 40 : 150);
    const height = 1 + chance.integer(round % 5 === 0 ? 150 : 40);
    const left = chance.between(0, picture.width / 2);
    const top = chance.between(0, picture.height / 2);
    const right = chance.between(left + 0.25, picture.width);
    const bottom = chance.between(top + 0.25, picture.height);
    const box = round % 4 === 0 ? { left, top, right, bottom } : undefined;
    const options = { width, height, filter, box };
    const fast = resize(module, picture, options).data;
    const plain = resize(module, picture, { ...options, scalar: true }).data;
    const claim = `${picture.width}×${picture.height} → ${width}×${height} ${filter} ${JSON.stringify(box)}`;
    assert.is(Buffer.compare(fast, plain), 0, claim);
  }
});

test("a picture resized to its own size is unchanged, with every filter", () => {
  const picture = syntheticPicture(module.math, 1, 37, 23);
  for (const filter of FILTERS) {
    const { data } = resize(module, picture, { width: 37, height: 23, filter });
    assert.is(Buffer.compare(data, picture.data), 0, filter);
  }
});

test("a uniform color stays uniform at every size: weights sum to one", () => {
  for (const value of [0, 1, 127, 254, 255]) {
    const picture = { width: 31, height: 17, data: new Uint8Array(31 * 17 * 3).fill(value) };
    for (const filter of FILTERS)
      for (const [width, height] of [
        [7, 5],
        [64, 40],
        [1, 1],
        [31, 9],
      ] as const) {
        const { data } = resize(module, picture, { width, height, filter });
        assert.ok(
          data.every((byte) => byte === value),
          `${filter} ${width}×${height} of ${value}`,
        );
      }
  }
});

test("the result goes into the caller's buffer, and a buffer that is too small is refused", () => {
  const picture = syntheticPicture(module.math, 2, 20, 20);
  const into = new Uint8Array(500);
  const { data } = resize(module, picture, { width: 8, height: 8, into });
  assert.is(data.buffer, into.buffer);
  assert.is(data.length, 192);
  assert.throws(
    () => resize(module, picture, { width: 80, height: 80, into }),
    (error: unknown) => isVitrineError(error) && error.code === "image/buffer-too-small",
  );
});

test("invalid sizes, boxes and filters are refused", () => {
  const picture = syntheticPicture(module.math, 3, 10, 10);
  const tall = { width: 1, height: 40_000, data: new Uint8Array(120_000) };
  const attempts: [string, () => unknown][] = [
    ["image/out-of-memory", () => resize(module, picture, { width: 100_000, height: 100_000 })],
    ["image/out-of-memory", () => resize(module, tall, { width: 60_000, height: 2 })],
    ["image/bad-argument", () => resize(module, picture, { width: 2_000_000, height: 1 })],
    ["image/bad-argument", () => resize(module, picture, { width: 0, height: 5 })],
    ["image/bad-argument", () => resize(module, picture, { width: 5, height: 2.5 })],
    ["image/bad-argument", () => resize(module, { ...picture, width: 11 }, { width: 5, height: 5 })],
    [
      "image/bad-argument",
      () => resize(module, picture, { width: 5, height: 5, box: { left: 0, top: 0, right: 11, bottom: 5 } }),
    ],
    [
      "usage/bad-option",
      () => resize(module, picture, { width: 5, height: 5, filter: "sinc" as FilterName }),
    ],
  ];
  for (const [code, attempt] of attempts)
    assert.throws(attempt, (error: unknown) => isVitrineError(error) && error.code === code);
});

test.run();
