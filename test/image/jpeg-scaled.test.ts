// Scaled decode: 1/2, 1/4 and 1/8 of the size, as libjpeg-turbo reduces blocks, whole and in crops.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { type DecodeScale, decode, decodeCrop } from "../../runtime/image/decode.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { FIXTURES, fixture, generator } from "./jpeg-fixtures.js";

interface ScaledRow {
  file: string;
  scale: DecodeScale;
  width: number;
  height: number;
  rgb_sha256: string;
}

const module = await createImageModule(nodeHost());
const rows = readFileSync(`${FIXTURES}scaled.jsonl`, "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as ScaledRow);

test("every fixture at every scale equals libjpeg-turbo's result", () => {
  assert.is(rows.length, 99);
  for (const row of rows) {
    const image = decode(module, fixture(row.file.slice(0, -4)), { scale: row.scale });
    const digest = createHash("sha256").update(image.data).digest("hex");
    assert.equal([image.width, image.height, digest], [row.width, row.height, row.rgb_sha256], row.file);
  }
});

test("a scaled crop equals the same rectangle of the scaled picture", () => {
  const next = generator(34);
  for (const { file, scale } of rows) {
    const bytes = fixture(file.slice(0, -4));
    const image = decode(module, bytes, { scale });
    for (let round = 0; round < 20; round++) {
      const left = next() % image.width;
      const top = next() % image.height;
      const width = 1 + (next() % (image.width - left));
      const height = 1 + (next() % (image.height - top));
      const crop = decodeCrop(module, bytes, { left, top, width, height }, { scale });
      for (let y = 0; y < height; y++) {
        const from = ((top + y) * image.width + left) * 3;
        const expected = image.data.subarray(from, from + width * 3);
        const row = crop.data.subarray(y * width * 3, (y + 1) * width * 3);
        assert.ok(Buffer.compare(row, expected) === 0, `${file} at ${scale}: row ${y} of the crop`);
      }
    }
  }
});

test("an unsupported scale is a typed error", () => {
  const odd = () => decode(module, fixture("420_shapes"), { scale: 0.3 as DecodeScale });
  assert.throws(odd, (error: unknown) => isVitrineError(error) && error.code === "image/bad-argument");
});

test.run();
