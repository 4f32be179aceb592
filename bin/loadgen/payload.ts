// Payload: the contents of requests. An input of pictures gets files of a folder or drawn ones of a photograph's size and
// entropy, every other input random numbers of its datatype.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { byCodePoint } from "../../runtime/batches/code-point-order.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import { entryAt, LARGEST_PHOTO, missingFile, readWholeFile } from "../../runtime/host/node-files.js";
import { PICTURE_NAME } from "../../server/data/file-names.js";
import { encodeJpeg } from "../image/write-picture.js";
import { seededRandom } from "./random.js";
import type { ModelInput, PreparedInput } from "./target.js";

export interface PayloadOptions {
  /** A picture or a folder of pictures. Default: drawn ones. */
  pictures?: string | undefined;
  /** Images of a request. */
  batch: number;
  seed: number;
}

/** Different requests that take turns, so that no cache of the CPU holds all of one's work. */
const VARIANTS = 16;

/** Bytes of all prepared requests together. */
const MOST_BYTES = 256 * 2 ** 20;

/** Datatype → bytes of a number. */
const NUMBER_BYTES: Readonly<Record<string, number>> = {
  BOOL: 1,
  UINT8: 1,
  INT8: 1,
  UINT16: 2,
  INT16: 2,
  FP16: 2,
  BF16: 2,
  UINT32: 4,
  INT32: 4,
  FP32: 4,
  UINT64: 8,
  INT64: 8,
  FP64: 8,
};

/** A typical photograph of ImageNet. */
const DRAWN = { width: 500, height: 375 };

/** Waves of colors with grain, which compress about as far as a photograph: about 100 KB. */
async function drawPicture(random: () => number): Promise<Uint8Array> {
  const { width, height } = DRAWN;
  const data = new Uint8Array(width * height * 4).fill(255);
  const waves = Array.from({ length: 3 }, () => ({ across: 0.2 * random(), down: 0.2 * random() }));
  for (let pixel = 0; pixel < width * height; pixel++) {
    const grain = 40 * random() - 20;
    for (const [channel, { across, down }] of waves.entries()) {
      const wave = Math.sin(across * (pixel % width) + down * Math.floor(pixel / width));
      data[4 * pixel + channel] = 128 + 100 * wave + grain;
    }
  }
  return encodeJpeg({ width, height, data });
}

async function readPictures(path: string): Promise<Uint8Array[]> {
  const entry = entryAt(path);
  if (!entry) throw missingFile(path, "pictures");
  if (!entry.isDirectory()) return [await readWholeFile(path, LARGEST_PHOTO)];
  const names = readdirSync(path)
    .filter((name) => PICTURE_NAME.test(name))
    .sort(byCodePoint);
  if (names.length === 0)
    throw new VitrineError("data/no-images", `${quote(path)} has no pictures (--pictures)`, {
      details: { path },
    });
  const pictures: Uint8Array[] = [];
  let bytes = 0;
  for (const name of names) {
    const picture = await readWholeFile(join(path, name), LARGEST_PHOTO);
    bytes += picture.length;
    if (pictures.length > 0 && bytes > MOST_BYTES) break;
    pictures.push(picture);
  }
  return pictures;
}

/** BYTES elements, each after its length. */
function packElements(elements: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    elements.flatMap((element) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(element.length);
      return [length, element];
    }),
  );
}

/** The input's shape for `batch` images. Throws `protocol/tensor` where another axis is open. */
function shapeFor({ name, shape }: ModelInput, batch: number): number[] {
  const [first = -1, ...rest] = shape;
  if (rest.some((axis) => axis < 0) || (first !== -1 && first !== batch)) {
    const text = `input "${quote(name)}" has the shape [${shape.join(", ")}]; allowed: [-1, …] with fixed other axes`;
    throw new VitrineError("protocol/tensor", text);
  }
  return [batch, ...rest];
}

async function pictureContents(
  options: PayloadOptions,
  random: () => number,
): Promise<{ contents: Uint8Array[]; about: string }> {
  const { pictures: path, batch } = options;
  const pictures: Uint8Array[] = [];
  if (path !== undefined) pictures.push(...(await readPictures(path)));
  else for (let i = 0; i < VARIANTS; i++) pictures.push(await drawPicture(random));
  const bytes = pictures.reduce((sum, { length }) => sum + length, 0) / pictures.length;
  const most = Math.max(1, Math.floor(MOST_BYTES / (bytes * batch)));
  const contents = pictures
    .slice(0, most)
    .map((_, start) =>
      packElements(Array.from({ length: batch }, (_, i) => pictures[(start + i) % pictures.length]!)),
    );
  const kind = path === undefined ? "drawn JPEGs" : "pictures";
  return { contents, about: `${contents.length} ${kind} of ${Math.round(bytes / 1000)} kB` };
}

/** Random numbers in 0..1 as floats, in 0..255 as integers. */
function numberContents(datatype: string, count: number, random: () => number): Uint8Array {
  const { [datatype]: size } = NUMBER_BYTES;
  if (datatype === "FP32") return new Uint8Array(Float32Array.from({ length: count }, random).buffer);
  if (datatype === "FP64") return new Uint8Array(Float64Array.from({ length: count }, random).buffer);
  const bytes = new Uint8Array(count * size!);
  for (let i = 0; i < count; i++) bytes[i * size!] = datatype === "BOOL" ? 2 * random() : 256 * random();
  return bytes;
}

/** Requests for `input`, and in words what they are. Throws `protocol/tensor`, `file/…`, `data/no-images`. */
export async function makePayload(
  input: ModelInput,
  options: PayloadOptions,
): Promise<{ inputs: PreparedInput[]; about: string }> {
  const { name, datatype } = input;
  const random = seededRandom(options.seed);
  const shape = shapeFor(input, options.batch);
  if (datatype === "BYTES") {
    const { contents, about } = await pictureContents(options, random);
    return { inputs: contents.map((raw) => ({ name, datatype, shape, raw })), about };
  }
  const size = Object.hasOwn(NUMBER_BYTES, datatype) ? NUMBER_BYTES[datatype] : undefined;
  if (size === undefined)
    throw new VitrineError(
      "protocol/tensor",
      `input "${quote(name)}" has the datatype "${quote(datatype)}"; allowed: BYTES, ${Object.keys(NUMBER_BYTES).join(", ")}`,
    );
  const count = shape.reduce((product, axis) => product * axis, 1);
  const variants = Math.max(1, Math.min(VARIANTS, Math.floor(MOST_BYTES / (count * size))));
  const inputs = Array.from({ length: variants }, () => {
    return { name, datatype, shape, raw: numberContents(datatype, count, random) };
  });
  return { inputs, about: `${datatype} [${shape.join(", ")}], random` };
}
