// Write picture: pixels to JPEG, PNG or PPM. JPEG goes through mozjpeg in WebAssembly: the same bytes on every machine.

import { readFile, writeFile } from "node:fs/promises";
import { extname } from "node:path";
import encode, { init } from "@jsquash/jpeg/encode.js";
import pngjs from "pngjs";
import { quote, VitrineError } from "../../runtime/errors.js";
import type { RgbImage } from "../../runtime/image/resize.js";

/** RGBA bytes [height, width, 4]. */
export interface RgbaImage {
  width: number;
  height: number;
  data: Uint8Array;
}

/** Baseline, 4:2:0, as cameras write it, so that drawn data sets have JPEG's artifacts. */
const JPEG_OPTIONS = {
  progressive: false,
  baseline: true,
  auto_subsample: false,
  chroma_subsample: 2,
};

let ready: Promise<void> | undefined;

/** The package loads its WebAssembly by itself only in a browser. */
async function loadJpegEncoder(): Promise<void> {
  const file = new URL("codec/enc/mozjpeg_enc.wasm", import.meta.resolve("@jsquash/jpeg/encode.js"));
  await init(await WebAssembly.compile(await readFile(file)));
}

/** `quality`: 0 to 100, default 90. */
export async function encodeJpeg({ width, height, data }: RgbaImage, quality = 90): Promise<Uint8Array> {
  ready ??= loadJpegEncoder();
  await ready;
  const pixels = { width, height, data: new Uint8ClampedArray(data), colorSpace: "srgb" } as ImageData;
  return new Uint8Array(await encode(pixels, { ...JPEG_OPTIONS, quality }));
}

function withAlpha({ width, height, data }: RgbImage): Buffer {
  const rgba = Buffer.alloc(width * height * 4, 255);
  for (let from = 0, to = 0; to < rgba.length; from += 3, to += 4)
    rgba.set(data.subarray(from, from + 3), to);
  return rgba;
}

type Encode = (image: RgbImage) => Promise<Uint8Array> | Uint8Array;

/** As `encodeJpeg`, of a picture without transparency. */
export function encodeRgbJpeg(image: RgbImage, quality?: number): Promise<Uint8Array> {
  return encodeJpeg({ ...image, data: withAlpha(image) }, quality);
}

function encodePng(image: RgbImage): Uint8Array {
  const { width, height } = image;
  const png = new pngjs.PNG({ width, height });
  png.data = withAlpha(image);
  return pngjs.PNG.sync.write(png, { colorType: 2 });
}

function encodePpm({ width, height, data }: RgbImage): Uint8Array {
  return Buffer.concat([Buffer.from(`P6\n${width} ${height}\n255\n`), data]);
}

const FORMATS = new Map<string, Encode>([
  [".png", encodePng],
  [".ppm", encodePpm],
  [".jpg", (image) => encodeRgbJpeg(image)],
  [".jpeg", (image) => encodeRgbJpeg(image)],
]);

/** Throws `usage/bad-option` for an extension other than .png, .ppm, .jpg and .jpeg. */
export function requireFormat(path: string): Encode {
  const format = FORMATS.get(extname(path).toLowerCase());
  if (format !== undefined) return format;
  throw new VitrineError(
    "usage/bad-option",
    `--out ${quote(path)}: the extension gives the format; allowed: ${[...FORMATS.keys()].join(", ")}`,
  );
}

/** PNG and PPM are lossless. Throws `usage/bad-option`, `file/unwritable`. */
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
