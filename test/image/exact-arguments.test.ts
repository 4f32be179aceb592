// Exact arguments: operations whose result is known without a reference, at the borders of their arguments; defaults; and
// headers and regions of unusual length.

import { crc32, deflateSync } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Region } from "../../assembly/image/contract.js";
import { isVitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { augment } from "../../runtime/image/augment.js";
import { readHeader } from "../../runtime/image/decode.js";
import { evaluationInputOfPixels } from "../../runtime/image/evaluation-input.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { decodePicture } from "../../runtime/image/picture.js";
import type { RgbImage } from "../../runtime/image/resize.js";
import { fixture } from "./jpeg-fixtures.js";
import { syntheticPicture } from "./synthetic-picture.js";

const module = await createImageModule(nodeHost());
const square = syntheticPicture(module.math, 1, 24, 24);
const wide = syntheticPicture(module.math, 2, 30, 17);

const applied = (picture: RgbImage, name: string, argument: number): number[] => [
  ...augment(module, picture, [{ name, argument }]).data,
];

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isVitrineError(error)) return error.code;
    throw error;
  }
  return "done";
}

/** The pixel at (x, y) of the result is the one that `from` names. */
function moved(
  { width, height, data }: RgbImage,
  from: (x: number, y: number) => [x: number, y: number],
): number[] {
  return Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => {
      const [fromX, fromY] = from(x, y);
      return [...data.subarray(3 * (fromY * width + fromX), 3 * (fromY * width + fromX) + 3)];
    }),
  ).flat(2);
}

test("rotations by quarters move pixels and change none", () => {
  const side = square.width - 1;
  const quarter = moved(square, (x, y) => [side - y, x]);
  const [half, third] = [
    moved(square, (x, y) => [side - x, side - y]),
    moved(square, (x, y) => [y, side - x]),
  ];
  assert.equal(applied(square, "Rotate", 90), quarter, "counterclockwise, as Pillow's");
  assert.equal(applied(square, "Rotate", 180), half);
  assert.equal(applied(square, "Rotate", 270), third);
  assert.equal(applied(square, "Rotate", -90), third);
  assert.equal(
    applied(wide, "Rotate", 180),
    moved(wide, (x, y) => [wide.width - 1 - x, wide.height - 1 - y]),
  );
  for (const picture of [square, wide])
    for (const degrees of [0, 360, -360, 720, -1e-20])
      assert.equal(applied(picture, "Rotate", degrees), [...picture.data]);
  assert.not.equal(applied(square, "Rotate", 89), quarter);
});

test("Posterize keeps the upper bits, all of them from 8 on", () => {
  for (const name of ["Posterize", "PosterizeIncreasing", "PosterizeOriginal"]) {
    for (const bits of [0, 1, 4, 7]) {
      const mask = 256 - 2 ** (8 - bits);
      assert.equal(
        applied(wide, name, bits),
        [...wide.data].map((value) => value & mask),
        `${name} ${bits}`,
      );
    }
    for (const bits of [8, 9, 30]) assert.equal(applied(wide, name, bits), [...wide.data]);
    assert.is(
      codeOf(() => applied(wide, name, -1)),
      "image/bad-argument",
    );
  }
});

test("Grayscale is ITU-R 601's luma in every channel, whatever its argument", () => {
  const gray = [...wide.data].map((_, i, data) => {
    const [red, green, blue] = data.slice(i - (i % 3), i - (i % 3) + 3);
    return (19_595 * red + 38_470 * green + 7_471 * blue + 0x8000) >> 16;
  });
  for (const argument of [0, 0.5, 1]) assert.equal(applied(wide, "Grayscale", argument), gray);
  assert.equal(applied(wide, "Color", 0), gray);
  assert.equal(applied(wide, "Color", 1), [...wide.data]);
});

test("a blur's radius is 0 to 1,000 pixels, both included", () => {
  assert.equal(applied(wide, "GaussianBlur", 0), [...wide.data]);
  assert.is(
    codeOf(() => applied(wide, "GaussianBlur", 1000)),
    "done",
  );
  assert.is(
    codeOf(() => applied(wide, "GaussianBlur", 1000.01)),
    "image/bad-argument",
  );
  assert.is(
    codeOf(() => applied(wide, "GaussianBlur", -0.01)),
    "image/bad-argument",
  );
});

test("the evaluation input keeps 0.875 of the picture unless told otherwise", () => {
  const input = (options: { cropRatio?: number }) =>
    evaluationInputOfPixels(module, wide, { size: 14, ...options });
  assert.equal(input({}), input({ cropRatio: 0.875 }));
  assert.not.equal(input({}), input({ cropRatio: 1 }));
});

/** An APP15 segment, which no reader interprets. */
function segment(bytes: number): Uint8Array {
  const made = new Uint8Array(bytes);
  made.set([0xff, 0xef, (bytes - 2) >> 8, (bytes - 2) & 255]);
  return made;
}

test("a header behind any number of segments is found, and one that is cut off is refused", () => {
  const file = fixture("410_shapes");
  const header = readHeader(module, file);
  assert.is(header.components, 3);
  for (const sizes of [[30_000], [32_700], [60_000], [60_000, 60_000, 60_000]]) {
    const long = Buffer.concat([file.subarray(0, 2), ...sizes.map(segment), file.subarray(2)]);
    assert.equal(readHeader(module, long), header, sizes.join());
    const end = 2 + sizes.reduce((sum, bytes) => sum + bytes, 0);
    assert.is(
      codeOf(() => readHeader(module, long.subarray(0, end))),
      "jpeg/truncated",
      sizes.join(),
    );
  }
  assert.is(
    codeOf(() => readHeader(module, file.subarray(0, 40))),
    "jpeg/truncated",
  );
});

test("regions beyond 2 GiB of the module's memory are read where they are", async () => {
  const large = await createImageModule(nodeHost(), { memoryLimitMiB: 4095 });
  const bytes = Uint8Array.from({ length: 100 }, (_, i) => 3 * i);
  large.run(undefined, (call) => {
    // Reserved and never touched, so that it takes no memory.
    assert.ok(call.reserve(Region.Planes, 2 ** 31) > 0);
    assert.ok(call.reserve(Region.Rgb, bytes.length) > 2 ** 31, "behind it");
    call.put(Region.Rgb, bytes);
    assert.equal(call.take(Region.Rgb, bytes.length), bytes);
  });
});

function chunk(name: string, body: Uint8Array): Buffer {
  const named = Buffer.concat([Buffer.from(name), body]);
  const [length, crc] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(body.length);
  crc.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, crc]);
}

/** A black picture of 5×4 pixels in each of two formats, which check their headers in different places. */
const SMALL = {
  PNG: Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", Uint8Array.of(0, 0, 0, 5, 0, 0, 0, 4, 8, 2, 0, 0, 0)),
    chunk("IDAT", deflateSync(new Uint8Array(4 * (1 + 15)))),
    chunk("IEND", new Uint8Array(0)),
  ]),
  PPM: Buffer.concat([Buffer.from("P6\n5 4\n255\n"), new Uint8Array(60)]),
};

for (const [format, file] of Object.entries(SMALL))
  test(`${format}: as many pixels as are allowed are decoded, one more is refused`, async () => {
    const { width, height } = await decodePicture(module, file, { pixelLimit: 20 });
    assert.equal([width, height], [5, 4]);
    try {
      await decodePicture(module, file, { pixelLimit: 19 });
      assert.unreachable();
    } catch (error) {
      assert.ok(isVitrineError(error), String(error));
      assert.is(error.code, "image/too-large");
      assert.match(error.message, /claims 20 pixels, allowed are 19/);
    }
  });

test.run();
