// Probe pictures: what must hold for damaged files of every format besides JPEG: a typed error or a picture of its
// size, in time, with bounded memory, and the same picture with `partial` where the file is intact.

import { isVitrineError } from "../../runtime/errors.js";
import type { ImageModule } from "../../runtime/image/image-module.js";
import { type DecodedPicture, decodePicture, readPictureHeader } from "../../runtime/image/picture.js";

/** Processor time for one decode; libavif's takes the longest. */
const TIME_LIMIT_MS = 4000;
/** Larger claims are refused: they would only slow the search down. */
const PIXEL_LIMIT = 1 << 20;
/** Of the module: input, rows, pixels, and slack. */
const MEMORY_LIMIT = 32 << 20;

/** Codes that say what is wrong with a file; any other is a fault of the program. */
const EXPECTED =
  /^(?:jpeg\/.*|image\/(?:truncated|corrupt|unsupported|unknown-format|too-large|out-of-memory))$/;

async function attempt(
  module: ImageModule,
  file: Uint8Array,
  partial: boolean,
): Promise<DecodedPicture | string> {
  try {
    return await decodePicture(module, file, { partial, orient: true, pixelLimit: PIXEL_LIMIT });
  } catch (error) {
    if (isVitrineError(error) && EXPECTED.test(error.code)) return error.code;
    throw error;
  }
}

/** Outcome of a strict decode ("decoded" or an error's code). Throws where a promise is broken. */
export async function probePicture(module: ImageModule, file: Uint8Array): Promise<string> {
  const start = process.cpuUsage();
  const strict = await attempt(module, file, false);
  const { user, system } = process.cpuUsage(start);
  if ((user + system) / 1000 > TIME_LIMIT_MS) throw new Error(`${Math.round((user + system) / 1000)} ms`);
  const partial = await attempt(module, file, true);
  if (module.memoryBytes() > MEMORY_LIMIT) throw new Error(`${module.memoryBytes()} bytes of memory`);
  for (const picture of [strict, partial])
    if (typeof picture !== "string" && picture.data.length !== picture.width * picture.height * 3)
      throw new Error("wrong length");
  if (typeof strict === "string") return strict;
  if (typeof partial === "string" || Buffer.compare(strict.data, partial.data) !== 0)
    throw new Error("an intact file decodes differently with {partial: true}");
  const { width, height } = readPictureHeader(module, file);
  const sides = (a: number, b: number) => [Math.min(a, b), Math.max(a, b)].join("×");
  if (sides(width, height) !== sides(strict.width, strict.height))
    throw new Error(`its header says ${width}×${height}, its picture has ${strict.width}×${strict.height}`);
  return "decoded";
}
