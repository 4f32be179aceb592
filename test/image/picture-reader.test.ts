// Picture reader: our decoder for JPEG, the platform's for other formats, and no fallback for a damaged JPEG.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError, type VitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { evaluationInput, evaluationInputOfPixels } from "../../runtime/image/evaluation-input.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { type PlatformDecoder, readJpeg, readPicture } from "../../runtime/image/picture-reader.js";
import { fixture } from "./jpeg-fixtures.js";

const module = await createImageModule(nodeHost());
const OPTIONS = { size: 32, cropRatio: 0.875 };
const JPEG = fixture("410_shapes");
const PNG = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
const IMAGE = { width: 40, height: 50, data: Uint8Array.from({ length: 40 * 50 * 3 }, (_, i) => i % 251) };

/** Records the formats it is called with. */
function recorder(answer: ReturnType<PlatformDecoder>): { decode: PlatformDecoder; formats: unknown[] } {
  const formats: unknown[] = [];
  const decode: PlatformDecoder = (_file, format) => {
    formats.push(format);
    return answer;
  };
  return { decode, formats };
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

test("our decoder decodes a JPEG, upright, without calling the platform's", async () => {
  const { decode, formats } = recorder(IMAGE);
  const { pixels, decodedBy } = await readPicture(module, JPEG, OPTIONS, decode);
  const expected = evaluationInput(module, JPEG, { ...OPTIONS, orient: true });
  assert.equal(pixels, expected);
  assert.equal(readJpeg(module, JPEG, OPTIONS), expected);
  assert.is(decodedBy, "vitrine");
  assert.equal(formats, []);
});

test("another format goes to the platform's decoder by name, synchronous or asynchronous, then through our resize", async () => {
  for (const answer of [IMAGE, Promise.resolve(IMAGE)]) {
    const { decode, formats } = recorder(answer);
    const { pixels, decodedBy } = await readPicture(module, PNG, OPTIONS, decode);
    assert.equal(pixels, evaluationInputOfPixels(module, IMAGE, OPTIONS));
    assert.is(decodedBy, "platform");
    assert.equal(formats, ["PNG"]);
  }
});

test("a kind of JPEG that we do not decode goes to the platform too", async () => {
  const arithmetic = Uint8Array.from(JPEG);
  const frame = arithmetic.findIndex(
    (byte, at) => byte === 0xff && /^c[0-2]$/.test(arithmetic[at + 1].toString(16)),
  );
  arithmetic[frame + 1] = 0xc9;
  const { decode, formats } = recorder(IMAGE);
  assert.is((await readPicture(module, arithmetic, OPTIONS, decode)).decodedBy, "platform");
  assert.equal(formats, [undefined]);
  const none = recorder(undefined);
  const error = await refusal(readPicture(module, arithmetic, OPTIONS, none.decode));
  assert.is(error.code, "jpeg/unsupported-arithmetic");
});

test("a format that neither decodes is refused by its name", async () => {
  const error = await refusal(
    readPicture(module, Buffer.from("GIF89a"), { ...OPTIONS, name: "cat.gif" }, recorder(undefined).decode),
  );
  assert.is(error.code, "jpeg/not-jpeg");
  assert.match(error.message, /^cat\.gif: .*GIF/);
});

test("a damaged JPEG is refused without calling the platform's decoder, and without advice for the decoder's callers", async () => {
  const { decode, formats } = recorder(IMAGE);
  const error = await refusal(readPicture(module, JPEG.subarray(0, JPEG.length >> 1), OPTIONS, decode));
  assert.is(error.code, "jpeg/truncated");
  assert.match(error.message, /ends at byte [\d,]+, row \d+ of \d+$/);
  assert.equal(formats, []);
});

test("a JPEG that claims too many pixels is refused without an option that a reader's caller lacks", async () => {
  const large = Uint8Array.from(JPEG);
  const frame = large.findIndex((byte, at) => byte === 0xff && /^c[0-2]$/.test(large[at + 1].toString(16)));
  large.set([0xff, 0xff, 0xff, 0xff], frame + 5);
  const error = await refusal(readPicture(module, large, OPTIONS, recorder(IMAGE).decode));
  assert.is(error.code, "jpeg/too-large");
  assert.not.match(error.message, /option|pixelLimit/);
  assert.match(error.message, /claims [\d,]+ pixels, allowed/);
});

test.run();
