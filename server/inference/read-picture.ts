// Read picture: a JPEG or PNG file of a request → the model's input.

import pngjs from "pngjs";
import { VitrineError } from "../../runtime/errors.js";
import { DEFAULT_PIXEL_LIMIT } from "../../runtime/image/decode.js";
import { evaluationInput, evaluationInputOfPixels } from "../../runtime/image/evaluation-input.js";
import type { ImageModule } from "../../runtime/image/image-module.js";
import type { RgbImage } from "../../runtime/image/resize.js";
import type { ClassifierConfig } from "../../runtime/models/config.js";

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Signature, length and name of the IHDR chunk; width and height follow, big-endian. */
const WIDTH_AT = 16;
const HEADER_BYTES = 24;

function isPng(bytes: Uint8Array): boolean {
  return PNG_SIGNATURE.every((byte, place) => bytes[place] === byte);
}

/** RGB of a PNG file; transparency is dropped, as Pillow's convert("RGB") does. */
function decodePng(bytes: Uint8Array): RgbImage {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (file.length < HEADER_BYTES) {
    throw new VitrineError("image/png", `the PNG file ends at byte ${file.length}, inside its header`);
  }
  const claimed = file.readUInt32BE(WIDTH_AT) * file.readUInt32BE(WIDTH_AT + 4);
  if (claimed > DEFAULT_PIXEL_LIMIT) {
    const text = `the PNG header claims ${claimed} pixels; allowed: ${DEFAULT_PIXEL_LIMIT}`;
    throw new VitrineError("image/too-large", text, { details: { claimed } });
  }
  try {
    const { width, height, data: rgba } = pngjs.PNG.sync.read(file);
    const data = new Uint8Array(width * height * 3);
    for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
      data[to] = rgba[from]!;
      data[to + 1] = rgba[from + 1]!;
      data[to + 2] = rgba[from + 2]!;
    }
    return { width, height, data };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new VitrineError("image/png", `the PNG file cannot be decoded: ${reason}`, { cause });
  }
}

/** encoded → uint8 [size, size, 3], turned upright where EXIF says how. What it returns throws `jpeg/…` or `image/…`. */
export function pictureReader(
  module: ImageModule,
  { imageSize: size, cropRatio }: ClassifierConfig,
): (encoded: Uint8Array) => Uint8Array {
  return (encoded) =>
    isPng(encoded)
      ? evaluationInputOfPixels(module, decodePng(encoded), { size, cropRatio })
      : evaluationInput(module, encoded, { size, cropRatio, orient: true });
}
