// Block smoothing: progressive files that end after some of their scans decode as in libjpeg-turbo.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeHost } from "../../runtime/host/node.js";
import { type DecodeScale, decode, decodeCrop } from "../../runtime/image/decode.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { FIXTURES, fixture, generator } from "./jpeg-fixtures.js";
import { differingRow, randomBox } from "./random-crops.js";

interface SmoothedRow {
  file: string;
  /** Scans that the file keeps, and the byte after them. */
  scans: number;
  end: number;
  scale: DecodeScale;
  width: number;
  height: number;
  rgb_sha256: string;
}

const module = await createImageModule(nodeHost());
const rows = readFileSync(`${FIXTURES}smoothed.jsonl`, "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as SmoothedRow);

/** The row's file, ended after its scans; with an end marker it is complete by the standard. */
function cut({ file, end }: SmoothedRow, endMarker = [0xff, 0xd9]): Uint8Array {
  return Uint8Array.from([...fixture(file.slice(0, -4)).subarray(0, end), ...endMarker]);
}

test("a progressive file that ends after any of its scans equals djpeg's result, at every scale", () => {
  assert.is(rows.length, 220);
  for (const row of rows) {
    const { width, height, data } = decode(module, cut(row), { scale: row.scale });
    const digest = createHash("sha256").update(data).digest("hex");
    const where = `${row.file}, ${row.scans} scans, scale ${row.scale}`;
    assert.equal([width, height, digest], [row.width, row.height, row.rgb_sha256], where);
  }
});

test("a crop of such a file equals the same rectangle of the whole", () => {
  const next = generator(35);
  for (const row of rows) {
    const image = decode(module, cut(row), { scale: row.scale });
    for (let round = 0; round < 5; round++) {
      const box = randomBox(next, image.width, image.height);
      const { data } = decodeCrop(module, cut(row), box, { scale: row.scale });
      assert.is(differingRow(image, box, data), null, `${row.file}: ${JSON.stringify(box)}`);
    }
  }
});

test("without its end marker such a file is truncated, and with partial the same picture", () => {
  for (const row of rows) {
    assert.throws(() => decode(module, cut(row, [])), /scan data ends at byte/);
    const kept = decode(module, cut(row, []), { scale: row.scale, partial: true });
    assert.equal(kept.data, decode(module, cut(row), { scale: row.scale }).data);
  }
});

test("a quantizer of 0 turns smoothing off instead of dividing by it", () => {
  const row = rows.find(({ file, scans }) => file === "progressive_420_shapes.jpg" && scans === 1);
  if (row === undefined) throw new Error("fixture row missing");
  const smooth = cut(row);
  const flat = smooth.slice();
  // The second value of the first table: the frequency next to DC.
  flat[Buffer.from(flat).indexOf(Buffer.from([0xff, 0xdb])) + 6] = 0;
  assert.not.equal(decode(module, flat).data, decode(module, smooth).data);
  const block = decode(module, flat).data;
  // DC alone fills each block with one value.
  assert.equal(block.subarray(0, 3), block.subarray(3 * 67, 3 * 67 + 3));
});

test.run();
