// Encode JPEG: drawn pixels to a baseline file, through mozjpeg in WebAssembly: the same bytes on every machine.

import { readFile } from "node:fs/promises";
import encode, { init } from "@jsquash/jpeg/encode.js";

/** RGBA bytes [height, width, 4]. */
export interface Drawing {
  width: number;
  height: number;
  data: Uint8Array;
}

/** Baseline, 4:2:0, quality 90: what a camera writes. Artifacts are part of what a decoder must deliver. */
const OPTIONS = {
  quality: 90,
  progressive: false,
  baseline: true,
  auto_subsample: false,
  chroma_subsample: 2,
};

let ready: Promise<void> | undefined;

/** The package finds its WebAssembly by itself in a browser only; in Node it is handed over. */
async function load(): Promise<void> {
  const file = new URL("codec/enc/mozjpeg_enc.wasm", import.meta.resolve("@jsquash/jpeg/encode.js"));
  await init(await WebAssembly.compile(await readFile(file)));
}

export async function encodeJpeg({ width, height, data }: Drawing): Promise<Uint8Array> {
  ready ??= load();
  await ready;
  const pixels = { width, height, data: new Uint8ClampedArray(data), colorSpace: "srgb" } as ImageData;
  return new Uint8Array(await encode(pixels, OPTIONS));
}
