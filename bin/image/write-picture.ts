// Write picture: RGB pixels to a file whose extension gives the format.

import { writeFile } from "node:fs/promises";
import { extname } from "node:path";
import pngjs from "pngjs";
import { quote, VitrineError } from "../../runtime/errors.js";
import type { RgbImage } from "../../runtime/image/resize.js";
import { encodeJpeg } from "../sample-data/encode-jpeg.js";

function withAlpha({ width, height, data }: RgbImage): Buffer {
  const rgba = Buffer.alloc(width * height * 4, 255);
  for (let from = 0, to = 0; to < rgba.length; from += 3, to += 4)
    rgba.set(data.subarray(from, from + 3), to);
  return rgba;
}

type Encode = (image: RgbImage) => Promise<Uint8Array> | Uint8Array;

function encodePng(image: RgbImage): Uint8Array {
  const { width, height } = image;
  const png = new pngjs.PNG({ width, height });
  png.data = withAlpha(image);
  return pngjs.PNG.sync.write(png, { colorType: 2 });
}

function encodePpm({ width, height, data }: RgbImage): Uint8Array {
  return Buffer.concat([Buffer.from(`P6\n${width} ${height}\n255\n`), data]);
}

const encodeLossy: Encode = (image) => encodeJpeg({ ...image, data: withAlpha(image) });

const FORMATS = new Map<string, Encode>([
  [".png", encodePng],
  [".ppm", encodePpm],
  [".jpg", encodeLossy],
  [".jpeg", encodeLossy],
]);

/** Throws `usage/bad-option` for an extension other than .png, .ppm, .jpg and .jpeg. */
export function requireFormat(path: string): Encode {
  const encode = FORMATS.get(extname(path).toLowerCase());
  if (encode !== undefined) return encode;
  throw new VitrineError(
    "usage/bad-option",
    `--out ${quote(path)}: the extension gives the format; allowed: ${[...FORMATS.keys()].join(", ")}`,
  );
}

/** PNG and PPM keep every pixel. Throws `usage/bad-option`, `file/unwritable`. */
export async function writePicture(path: string, image: RgbImage): Promise<void> {
  const bytes = await requireFormat(path)(image);
  try {
    await writeFile(path, bytes);
  } catch (cause) {
    throw new VitrineError("file/unwritable", `${quote(path)}: ${(cause as Error).message}`, {
      details: { path },
      cause,
    });
  }
}
