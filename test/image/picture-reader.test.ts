// Picture reader: every format that Vitrine reads becomes the model's input, upright; a page's browser gets what is
// left, but no damaged file.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { decode } from "../../runtime/image/decode.js";
import { evaluationInput, evaluationInputOfPixels } from "../../runtime/image/evaluation-input.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { decodePicture } from "../../runtime/image/picture.js";
import { readPicture, readPictureAnywhere } from "../../runtime/image/picture-reader.js";
import { fixture } from "./jpeg-fixtures.js";
import { jpegOf, syntheticPicture } from "./synthetic-picture.js";

const module = await createImageModule(nodeHost());
const OPTIONS = { size: 32, cropRatio: 0.875 };
const JPEG = fixture("410_shapes");
const PICTURES = fileURLToPath(new URL("../../../test/fixtures/pictures/", import.meta.url));
const IMAGE = { width: 40, height: 50, data: Uint8Array.from({ length: 40 * 50 * 3 }, (_, i) => i % 251) };

/** A platform that counts its calls. */
function platform(): { decode: () => Promise<typeof IMAGE>; calls: () => number } {
  let calls = 0;
  const decode = async () => {
    calls += 1;
    return IMAGE;
  };
  return { decode, calls: () => calls };
}

async function refusal(promise: Promise<unknown>): Promise<VitrineError> {
  try {
    await promise;
  } catch (error) {
    if (isVitrineError(error)) return error;
    throw error;
  }
  return assert.unreachable("nothing was refused") as never;
}

/** The JPEG with another frame marker or size. */
function edited(at: number, bytes: readonly number[]): Uint8Array {
  const file = Uint8Array.from(JPEG);
  const frame = file.findIndex((byte, i) => byte === 0xff && /^c[0-2]$/.test(file[i + 1].toString(16)));
  file.set(bytes, frame + at);
  return file;
}

test("a JPEG is decoded here, upright, without calling the platform's decoder", async () => {
  const { decode, calls } = platform();
  const { pixels, decodedBy } = await readPictureAnywhere(module, JPEG, OPTIONS, decode);
  const expected = evaluationInput(module, JPEG, { ...OPTIONS, orient: true });
  assert.equal(pixels, expected);
  assert.equal(await readPicture(module, JPEG, OPTIONS), expected);
  assert.is(decodedBy, "vitrine");
  assert.is(calls(), 0);
});

test("a PNG's EXIF orientation is honored as a JPEG's is", async () => {
  for (let orientation = 2; orientation <= 8; orientation++) {
    const file = readFileSync(`${PICTURES}png_exif_${orientation}.png`);
    const stored = await decodePicture(module, file);
    const upright = await decodePicture(module, file, { orient: true });
    const turned = orientation >= 5;
    assert.is(upright.width, turned ? stored.height : stored.width);
    assert.not.equal(upright.data, stored.data);
    assert.equal(await readPicture(module, file, OPTIONS), evaluationInputOfPixels(module, upright, OPTIONS));
  }
});

test("what is not read here goes to the platform: kinds of JPEG, other formats", async () => {
  for (const file of [edited(1, [0xc9]), Buffer.from("\0\0\0\x18ftypheic\0\0\0\0", "latin1")]) {
    const { decode } = platform();
    const { pixels, decodedBy } = await readPictureAnywhere(module, file, OPTIONS, decode);
    assert.equal(pixels, evaluationInputOfPixels(module, IMAGE, OPTIONS));
    assert.is(decodedBy, "platform");
  }
  assert.is(
    (await refusal(readPicture(module, edited(1, [0xc9]), OPTIONS))).code,
    "jpeg/unsupported-arithmetic",
  );
});

test("what neither reads is refused by its name, where it has one", async () => {
  const fails = async () => {
    throw new VitrineError("image/unreadable", "planted");
  };
  const svg = await refusal(readPictureAnywhere(module, Buffer.from("<svg/>"), OPTIONS, fails));
  assert.is(svg.code, "image/unknown-format");
  assert.match(svg.message, /^SVG is not read/);
  assert.is(
    (await refusal(readPictureAnywhere(module, Buffer.from("words"), OPTIONS, fails))).message,
    "planted",
  );
});

test("a damaged file is refused without calling the platform's decoder, and without advice for the decoder's callers", async () => {
  const png = readFileSync(`${PICTURES}png_2_8.png`);
  for (const [file, code] of [
    [JPEG.subarray(0, JPEG.length >> 1), "jpeg/truncated"],
    [png.subarray(0, png.length >> 1), "image/truncated"],
    [new Uint8Array(0), "image/unknown-format"],
  ] as const) {
    const { decode, calls } = platform();
    const error = await refusal(readPictureAnywhere(module, file, OPTIONS, decode));
    assert.is(error.code, code);
    assert.not.match(error.message, /partial|option/);
    assert.is(calls(), 0);
  }
});

test("a JPEG of too many pixels is decoded smaller for inference; no scale suffices for one that claims 4 gigapixels", async () => {
  const { width, height } = decode(module, JPEG);
  const pixelLimit = Math.trunc((width * height) / 3);
  const half = decode(module, JPEG, { scale: 0.5 });
  const input = await readPicture(module, JPEG, { ...OPTIONS, pixelLimit });
  assert.equal(input, evaluationInputOfPixels(module, half, OPTIONS));
  const error = await refusal(
    readPicture(module, edited(5, [0xff, 0xff, 0xff, 0xff]), { ...OPTIONS, pixelLimit: 1 << 20 }),
  );
  assert.is(error.code, "jpeg/too-large");
  assert.not.match(error.message, /option|pixelLimit/);
  assert.match(error.message, /claims [\d,]+ pixels, allowed/);
});

test("a JPEG that does not fit into memory is decoded smaller for inference, also where it must be turned", async () => {
  const small = await createImageModule(nodeHost(), { memoryLimitMiB: 5 });
  const jpeg = jpegOf(syntheticPicture(module.math, 5, 1400, 1200));
  // One entry, big-endian: orientation 6.
  const exif = Buffer.from(
    `457869660000${"4d4d002a00000008"}${"0001"}${"0112"}${"0003"}${"00000001"}${"00060000"}${"00000000"}`,
    "hex",
  );
  const turned = Buffer.concat([
    jpeg.subarray(0, 2),
    Buffer.from([0xff, 0xe1, 0, exif.length + 2]),
    exif,
    jpeg.subarray(2),
  ]);
  for (const file of [jpeg, turned]) {
    assert.throws(
      () => decode(small, file, { orient: true }),
      (error: unknown) => isVitrineError(error) && error.code === "image/out-of-memory",
    );
    const fitting = decode(module, file, { scale: 0.5, orient: true });
    assert.equal(await readPicture(small, file, OPTIONS), evaluationInputOfPixels(module, fitting, OPTIONS));
  }
});

test("the caller's own flag takes the place of the library's option", async () => {
  const png = readFileSync(`${PICTURES}png_2_8.png`);
  const advice = { pixelLimit: "--max-pixels allows more" };
  const error = await refusal(readPicture(module, png, { ...OPTIONS, pixelLimit: 9, advice }));
  assert.is(error.code, "image/too-large");
  assert.match(error.message, /claims 273 pixels, allowed are 9 \(--max-pixels allows more\)$/);
});

test.run();
