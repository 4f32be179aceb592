// Crop-aware decode: the same bytes as decoding everything and cropping.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { decode, decodeCrop } from "../../runtime/image/decode.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { fixture, fixtureRows, generator } from "./jpeg-fixtures.js";
import { differingRow, randomBox } from "./random-crops.js";

const module = await createImageModule(nodeHost());

test("crop-aware decode equals decode-then-crop on random crops of every fixture", () => {
  const next = generator(31);
  for (const row of fixtureRows().filter(({ status }) => status === "ok")) {
    const bytes = fixture(row.file.slice(0, -4));
    const image = decode(module, bytes);
    for (let round = 0; round < 150; round++) {
      const box = randomBox(next, image.width, image.height);
      const crop = decodeCrop(module, bytes, box);
      assert.is(differingRow(image, box, crop.data), null, `${row.file}: ${JSON.stringify(box)}`);
    }
  }
});

test("crop-aware decode equals decode-then-crop on partly decoded damaged files", () => {
  const next = generator(32);
  for (const name of ["broken_truncated", "broken_damaged", "broken_lost_restart"]) {
    const image = decode(module, fixture(name), { partial: true });
    for (let round = 0; round < 150; round++) {
      const box = randomBox(next, image.width, image.height);
      const crop = decodeCrop(module, fixture(name), box, { partial: true });
      assert.is(differingRow(image, box, crop.data), null, `${name}: ${JSON.stringify(box)}`);
    }
  }
});

test("a truncated file is refused at every crop, even above the damage", () => {
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
