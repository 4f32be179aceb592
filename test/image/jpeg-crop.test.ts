// Crop-aware decode: the same bytes as decoding everything and cutting the rectangle out.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Box } from "../../runtime/draw/draw.js";
import { isVitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { type DecodedImage, decode } from "../../runtime/image/decode.js";
import { decodeCrop } from "../../runtime/image/decode-crop.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { fixture, fixtureRows, generator } from "./jpeg-fixtures.js";

const module = await createImageModule(nodeHost());

function cutOut(image: DecodedImage, box: Box): Uint8Array {
  const cut = new Uint8Array(box.width * box.height * 3);
  for (let y = 0; y < box.height; y++) {
    const from = ((box.top + y) * image.width + box.left) * 3;
    cut.set(image.data.subarray(from, from + box.width * 3), y * box.width * 3);
  }
  return cut;
}

function randomBox(next: () => number, width: number, height: number): Box {
  const left = next() % width;
  const top = next() % height;
  return { left, top, width: 1 + (next() % (width - left)), height: 1 + (next() % (height - top)) };
}

test("crop-aware decode equals decode-then-crop on random crops of every fixture", () => {
  const next = generator(31);
  for (const row of fixtureRows().filter(({ status }) => status === "ok")) {
    const bytes = fixture(row.file.slice(0, -4));
    const image = decode(module, bytes);
    for (let round = 0; round < 150; round++) {
      const box = randomBox(next, image.width, image.height);
      const crop = decodeCrop(module, bytes, box);
      const same = Buffer.compare(crop.data, cutOut(image, box)) === 0;
      assert.ok(same, `${row.file}: ${JSON.stringify(box)}`);
    }
  }
});

test("crop-aware decode equals decode-then-crop on damaged files that are kept in part", () => {
  const next = generator(32);
  for (const name of ["broken_truncated", "broken_damaged", "broken_lost_restart"]) {
    const image = decode(module, fixture(name), { partial: true });
    for (let round = 0; round < 150; round++) {
      const box = randomBox(next, image.width, image.height);
      const crop = decodeCrop(module, fixture(name), box, { partial: true });
      assert.ok(Buffer.compare(crop.data, cutOut(image, box)) === 0, `${name}: ${JSON.stringify(box)}`);
    }
  }
});

test("a truncated file is refused at every crop, also above the damage", () => {
  const next = generator(33);
  for (let round = 0; round < 100; round++) {
    const box = randomBox(next, 67, 45);
    const crop = () => decodeCrop(module, fixture("broken_truncated"), box);
    assert.throws(crop, (error: unknown) => isVitrineError(error) && error.code === "jpeg/truncated");
  }
});

test("a file that only lacks its end marker is decoded, whole and in crops", () => {
  const bytes = fixture("420_shapes");
  const cut = bytes.subarray(0, bytes.length - 2);
  assert.equal(decode(module, cut).data, decode(module, bytes).data);
  assert.is(decodeCrop(module, cut, { left: 3, top: 0, width: 20, height: 7 }).height, 7);
});

test("a crop outside the picture is a typed error", () => {
  for (const box of [
    { left: 60, top: 0, width: 8, height: 5 },
    { left: 0, top: 44, width: 8, height: 2 },
    { left: 0, top: 0, width: 0, height: 5 },
    { left: 0, top: 0, width: 5, height: 0 },
  ]) {
    const outside = () => decodeCrop(module, fixture("420_shapes"), box);
    assert.throws(outside, (error: unknown) => isVitrineError(error) && error.code === "image/bad-argument");
  }
});

test.run();
