// JPEG orientation: the camera's EXIF orientation is read, and applied on request.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeHost } from "../../runtime/host/node.js";
import { decode, readHeader } from "../../runtime/image/decode.js";
import { evaluationInput, evaluationInputOfPixels } from "../../runtime/image/evaluation-input.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { fixture } from "./jpeg-fixtures.js";

const module = await createImageModule(nodeHost());

/**
 * The file with an APP1 segment after its start marker: one directory of two entries, in either byte order (II or
 * MM).
 */
function withOrientation(file: Uint8Array, orientation: number, bigEndian: boolean, type = 3): Uint8Array {
  const tiff = new DataView(new ArrayBuffer(8 + 2 + 24 + 4));
  const little = !bigEndian;
  tiff.setUint16(0, bigEndian ? 0x4d4d : 0x4949);
  tiff.setUint16(2, 42, little);
  tiff.setUint32(4, 8, little);
  tiff.setUint16(8, 2, little);
  for (const [index, tag, value] of [
    [0, 0x0100, 9],
    [1, 0x0112, orientation],
  ] as const) {
    const at = 10 + 12 * index;
    tiff.setUint16(at, tag, little);
    tiff.setUint16(at + 2, type, little);
    tiff.setUint32(at + 4, 1, little);
    tiff.setUint16(at + 8, value, little);
  }
  const body = [...Buffer.from("Exif\0\0"), ...new Uint8Array(tiff.buffer)];
  const length = body.length + 2;
  return Uint8Array.from([0xff, 0xd8, 0xff, 0xe1, length >> 8, length & 255, ...body, ...file.subarray(2)]);
}

/**
 * The visual side of the stored row 0 and column 0, from the EXIF standard's table (JEITA CP-3451, 4.6.4 A): "the 0th
 * row is at the visual top of the image, and the 0th column is the visual left-hand side".
 */
const SIDES: Record<number, [row: string, column: string]> = {
  1: ["top", "left"],
  2: ["top", "right"],
  3: ["bottom", "right"],
  4: ["bottom", "left"],
  5: ["left", "top"],
  6: ["right", "top"],
  7: ["right", "bottom"],
  8: ["left", "bottom"],
};

/**
 * Offset of stored pixel (row, column) in the upright picture, from its distances to the sides that the table names.
 */
function uprightOffset(row: number, column: number, width: number, height: number, sides: [string, string]) {
  let x = 0;
  let y = 0;
  for (const [side, distance] of [
    [sides[0], row],
    [sides[1], column],
  ] as const) {
    if (side === "left") x = distance;
    if (side === "right") x = width - 1 - distance;
    if (side === "top") y = distance;
    if (side === "bottom") y = height - 1 - distance;
  }
  return (y * width + x) * 3;
}

for (let orientation = 1; orientation <= 8; orientation++) {
  test(`orientation ${orientation} moves every pixel as in the EXIF table, in both byte orders`, () => {
    const stored = decode(module, fixture("420_shapes"));
    for (const bigEndian of [false, true]) {
      const file = withOrientation(fixture("420_shapes"), orientation, bigEndian);
      assert.is(readHeader(module, file).orientation, orientation);
      assert.equal(decode(module, file).data, stored.data);
      const upright = decode(module, file, { orient: true });
      const swapped = orientation >= 5;
      assert.is(upright.width, swapped ? stored.height : stored.width);
      assert.is(upright.height, swapped ? stored.width : stored.height);
      for (let row = 0; row < stored.height; row++) {
        for (let column = 0; column < stored.width; column++) {
          const at = uprightOffset(row, column, upright.width, upright.height, SIDES[orientation]);
          const from = (row * stored.width + column) * 3;
          for (let c = 0; c < 3; c++)
            if (upright.data[at + c] !== stored.data[from + c]) assert.unreachable();
        }
      }
    }
  });
}

test("an orientation out of range or of another type counts as none", () => {
  for (const file of [
    withOrientation(fixture("420_shapes"), 0, false),
    withOrientation(fixture("420_shapes"), 9, true),
    withOrientation(fixture("420_shapes"), 6, false, 4),
  ]) {
    assert.is(readHeader(module, file).orientation, 1);
    assert.is(decode(module, file, { orient: true }).width, 67);
  }
});

test("the evaluation input is that of the upright picture on request", () => {
  const file = withOrientation(fixture("420_shapes"), 6, false);
  const upright = decode(module, file, { orient: true });
  const expected = evaluationInputOfPixels(module, upright, { size: 32 });
  assert.equal(evaluationInput(module, file, { size: 32, orient: true }), expected);
  assert.not.equal(evaluationInput(module, file, { size: 32 }), expected);
});

test.run();
