// Probe: what must hold for arbitrary bytes: a typed error or a picture of its size, in time, with bounded memory,
// equal with `partial`, and equal in a crop.

import { isVitrineError } from "../../runtime/errors.js";
import { type DecodedImage, type DecodeScale, decode, decodeCrop } from "../../runtime/image/decode.js";
import type { ImageModule } from "../../runtime/image/image-module.js";
import { differingRow, randomBox } from "../image/random-crops.js";

/** Processor time for one decode. */
const TIME_LIMIT_MS = 2000;
/** Larger claims are refused: they would only slow the search down. */
const PIXEL_LIMIT = 4 << 20;
/** Of the module: input, scan data, coefficients of 4 megapixels in three components, pixels, and slack. */
const MEMORY_LIMIT = 128 << 20;
const SCALES: readonly DecodeScale[] = [1, 1, 1, 0.5, 0.25, 0.125];

/** Code of the typed error, or the picture. Anything else is thrown on. */
function attempt(run: () => DecodedImage): DecodedImage | string {
  try {
    return run();
  } catch (error) {
    if (isVitrineError(error) && error.code.startsWith("jpeg/")) return error.code;
    throw error;
  }
}

function checkCrop(
  module: ImageModule,
  file: Uint8Array,
  image: DecodedImage,
  scale: DecodeScale,
  next: () => number,
) {
  const box = randomBox(next, image.width, image.height);
  const options = { partial: true, scale, pixelLimit: PIXEL_LIMIT };
  const row = differingRow(image, box, decodeCrop(module, file, box, options).data);
  if (row !== null)
    throw new Error(`crop ${JSON.stringify(box)} at scale ${scale} differs in its row ${row}`);
}

/** Outcome of a strict decode ("decoded" or an error's code). Throws where a promise is broken. */
export function probe(module: ImageModule, file: Uint8Array, next: () => number): string {
  const scale = SCALES[next() % SCALES.length] as DecodeScale;
  const options = { scale, pixelLimit: PIXEL_LIMIT };
  const start = process.cpuUsage();
  const strict = attempt(() => decode(module, file, options));
  const { user, system } = process.cpuUsage(start);
  if ((user + system) / 1000 > TIME_LIMIT_MS) throw new Error(`${Math.round((user + system) / 1000)} ms`);
  const partial = attempt(() => decode(module, file, { ...options, partial: true }));
  if (module.memoryBytes() > MEMORY_LIMIT) throw new Error(`${module.memoryBytes()} bytes of memory`);
  if (typeof partial !== "string") {
    if (partial.data.length !== partial.width * partial.height * 3) throw new Error("wrong length");
    checkCrop(module, file, partial, scale, next);
  }
  if (typeof strict === "string") return strict;
  if (typeof partial === "string" || Buffer.compare(strict.data, partial.data) !== 0)
    throw new Error("an intact file decodes differently with {partial: true}");
  return "decoded";
}
