// PNG decoder: what the picture reader decodes with in Node besides JPEG.

import pngjs from "pngjs";
import { VitrineError } from "../../runtime/errors.js";
import { DEFAULT_PIXEL_LIMIT } from "../../runtime/image/decode.js";
import type { PlatformDecoder } from "../../runtime/image/picture-reader.js";

/** After signature, length and name of the IHDR chunk: width and height, big-endian. */
const WIDTH_OFFSET = 16;
const HEADER_BYTES = 24;

/**
 * PNG file → RGB; transparency is dropped, as Pillow's convert("RGB") does. Undefined for other formats. Throws
 * `image/png` for a damaged file, `image/too-large` before anything is allocated.
 */
export const decodePng: PlatformDecoder = (file, format) => {
  if (format !== "PNG") return undefined;
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.length < HEADER_BYTES) {
    throw new VitrineError("image/png", `the PNG file ends at byte ${bytes.length}, inside its header`);
  }
  const claimed = bytes.readUInt32BE(WIDTH_OFFSET) * bytes.readUInt32BE(WIDTH_OFFSET + 4);
  if (claimed > DEFAULT_PIXEL_LIMIT) {
    const text = `the PNG header claims ${claimed} pixels; allowed: ${DEFAULT_PIXEL_LIMIT}`;
    throw new VitrineError("image/too-large", text, { details: { claimed } });
  }
  try {
    const { width, height, data: rgba } = pngjs.PNG.sync.read(bytes);
    const data = new Uint8Array(width * height * 3);
    for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
      data[to] = rgba[from];
      data[to + 1] = rgba[from + 1];
      data[to + 2] = rgba[from + 2];
    }
    return { width, height, data };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new VitrineError("image/png", `the PNG file cannot be decoded: ${reason}`, { cause });
  }
};
