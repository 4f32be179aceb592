// Pictures: the drawn files of every format besides JPEG equal Pillow's pixels or are refused where Pillow refuses them;
// hostile ones are refused before memory and time are spent.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { crc32, deflateSync } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { drawSample } from "../../runtime/draw/sample.js";
import { isVitrineError, type VitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { evaluationInputOfPixels } from "../../runtime/image/evaluation-input.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { decodePicture, evaluatePicture, trainPicture } from "../../runtime/image/picture.js";
import { trainingInputOfPixels } from "../../runtime/image/training-input.js";
import { judgePicture, readPictureRows } from "../conformance/pictures.js";

const module = await createImageModule(nodeHost());
const FOLDER = fileURLToPath(new URL("../../../test/fixtures/pictures/", import.meta.url));
const ROWS = readPictureRows(`${FOLDER}manifest.jsonl`);
const picture = (name: string): Uint8Array => readFileSync(`${FOLDER}${name}`);

function chunk(name: string, body: Uint8Array): Buffer {
  const named = Buffer.concat([Buffer.from(name), body]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(body.length);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, sum]);
}

/** A PNG file with any header and data. */
function png(width: number, height: number, header: readonly number[], data: Uint8Array): Buffer {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width);
  head.writeUInt32BE(height, 4);
  head.set(header, 8);
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  return Buffer.concat([
    signature,
    chunk("IHDR", head),
    chunk("IDAT", data),
    chunk("IEND", new Uint8Array(0)),
  ]);
}

async function refusal(file: Uint8Array, options = {}): Promise<VitrineError> {
  try {
    await decodePicture(module, file, options);
  } catch (error) {
    if (isVitrineError(error)) return error;
    throw error;
  }
  return assert.unreachable("nothing was refused") as never;
}

test("every drawn file equals Pillow's convert('RGB'), or is refused where Pillow refuses it", async () => {
  assert.ok(ROWS.length > 60);
  for (const row of ROWS) assert.is(await judgePicture(module, FOLDER, row), undefined, row.file);
});

test("from pixels on every format takes the path of JPEG: evaluation and training inputs are those of its pixels", async () => {
  for (const { file: name, status } of ROWS.filter(({ file }) =>
    /_rgb_|_2_8\.|8_adam7|\.gif$|\.ppm$/.test(file),
  )) {
    assert.not.equal(status, "refused");
    const file = picture(name);
    const image = await decodePicture(module, file);
    const options = { size: 24 };
    assert.equal(
      await evaluatePicture(module, file, options),
      evaluationInputOfPixels(module, image, options),
      name,
    );
    const key = { seed: 3, epoch: 1, index: 7, repeat: 0 };
    const draw = drawSample(module.math, key, image, { ...DEIT_RECIPE, size: 24 });
    assert.equal(
      await trainPicture(module, file, draw, options),
      trainingInputOfPixels(module, image, draw, options),
      name,
    );
  }
});

test("gray of 16 bits keeps its high byte, as color of 16 bits does", async () => {
  const gray = Buffer.from([0, 0x12, 0x34, 0xff, 0x01, 0x00, 0xff]);
  const { data } = await decodePicture(module, png(3, 1, [16, 0, 0, 0, 0], deflateSync(gray)));
  assert.equal([...data], [0x12, 0x12, 0x12, 0xff, 0xff, 0xff, 0, 0, 0]);
});

test("transparency is dropped: the color of a key and the color under opacity 0 stay", async () => {
  const rgba = Buffer.from([0, 200, 100, 50, 0, 1, 2, 3, 255]);
  const { data } = await decodePicture(module, png(2, 1, [8, 6, 0, 0, 0], deflateSync(rgba)));
  assert.equal([...data], [200, 100, 50, 1, 2, 3]);
});

test("data that expands to gigabytes is read no further than the header needs, interlaced or not", async () => {
  // 64 MiB of zeros; a decoder that expands them all would hold them.
  const data = deflateSync(Buffer.alloc(64 << 20));
  for (const interlaced of [0, 1]) {
    const start = process.cpuUsage();
    const { width, height } = await decodePicture(module, png(8, 8, [8, 2, 0, 0, interlaced], data));
    assert.equal([width, height], [8, 8]);
    assert.ok(module.memoryBytes() < 4 << 20, `${module.memoryBytes()} bytes held`);
    assert.ok(process.cpuUsage(start).user < 200_000);
  }
});

test("a size that the data cannot contain is refused before memory is reserved", async () => {
  const fresh = await createImageModule(nodeHost());
  const file = png(8000, 8000, [16, 6, 0, 0, 0], deflateSync(Buffer.alloc(100)));
  await decodePicture(fresh, file).then(
    () => assert.unreachable("accepted"),
    (error) => assert.is(error.code, "image/truncated"),
  );
  assert.ok(fresh.memoryBytes() < 2 << 20, `${fresh.memoryBytes()} bytes held`);
});

test("a header above the pixel limit is refused, with the limit as the text", async () => {
  for (const name of ["png_2_8.png", "gif.gif", "bmp_rgb.bmp", "ppm.ppm"]) {
    const error = await refusal(picture(name), { pixelLimit: 200 });
    assert.is(error.code, "image/too-large", name);
    assert.match(error.message, /pixels, allowed are 200 \(option pixelLimit\)$/);
  }
});

test("compressed data of a TIFF file is checked: a changed byte is no other picture", async () => {
  const sum = Buffer.from(picture("tiff_rgb_adobe_deflate.tif"));
  const { offset, bytes } = stripOf(sum);
  sum[offset + bytes - 1] ^= 1;
  const error = await refusal(sum);
  assert.is(error.code, "image/corrupt");
  assert.match(error.message, /TIFF file damaged: its compressed data/);
});

/** Place of a little-endian TIFF file's only strip. */
function stripOf(file: Buffer): { offset: number; bytes: number } {
  const directory = file.readUInt32LE(4);
  const found = { offset: 0, bytes: 0 };
  for (let i = 0; i < file.readUInt16LE(directory); i++) {
    const at = directory + 2 + 12 * i;
    const value = file.readUInt16LE(at + 2) === 3 ? file.readUInt16LE(at + 8) : file.readUInt32LE(at + 8);
    if (file.readUInt16LE(at) === 273) found.offset = value;
    if (file.readUInt16LE(at) === 279) found.bytes = value;
  }
  return found;
}

test("AVIF, whose decoder is slow, has a limit of its own", async () => {
  const file = Buffer.from(picture("avif_420.avif"));
  const at = file.indexOf("ispe") + 8;
  file.writeUInt32BE(8193, at);
  file.writeUInt32BE(8192, at + 4);
  const error = await refusal(file);
  assert.is(error.code, "image/too-large");
  assert.match(error.message, /claims 67,117,056 pixels, allowed are 67,108,864 in this format$/);
});

test("with partial, the rows that are there are kept and the others are black", async () => {
  for (const name of ["png_stored.png", "gif.gif", "bmp_rgb.bmp", "ppm.ppm"]) {
    const whole = await decodePicture(module, picture(name));
    const cut = picture(name).subarray(0, Math.trunc(picture(name).length * 0.7));
    assert.is((await refusal(cut)).code, "image/truncated", name);
    const part = await decodePicture(module, cut, { partial: true });
    assert.is(part.width, whole.width);
    // A BMP is stored from its bottom row up.
    if (name.startsWith("bmp")) {
      const last = whole.data.length - 3 * whole.width;
      assert.equal(part.data.subarray(last), whole.data.subarray(last));
      continue;
    }
    assert.ok(part.rowsDecoded > 0 && part.rowsDecoded < whole.height, `${name}: ${part.rowsDecoded}`);
    const bytes = part.rowsDecoded * whole.width * 3;
    assert.equal(part.data.subarray(0, bytes), whole.data.subarray(0, bytes), name);
    assert.equal(part.data.at(-1), name === "gif.gif" ? part.data.at(-1) : 0);
  }
});

test("a damaged file ends in a typed error or a picture, wherever it is cut or changed", async () => {
  for (const { file: name } of ROWS) {
    const file = picture(name);
    for (let round = 0; round < 12; round++) {
      const damaged = Buffer.from(file.subarray(0, Math.trunc((file.length * (round + 1)) / 12)));
      damaged[(round * 7919) % damaged.length] ^= 1 << (round & 7);
      for (const partial of [false, true]) {
        try {
          await decodePicture(module, damaged, { partial, pixelLimit: 1 << 20 });
        } catch (error) {
          if (!isVitrineError(error) || error.code === "image/trap") throw error;
        }
      }
    }
  }
});

test.run();
