// AVIF: libavif in WebAssembly, to 8 bits per sample. Size and orientation are read from the boxes (ISO 14496-12), since
// libavif leaves turning to its caller.

import type { Host } from "../../host/host.js";
import { pictureError } from "../failure.js";
import { FileBytes } from "./file-bytes.js";
import { type Format, type FormatOptions, type PictureSize, type Pixels, requireSize } from "./format.js";
import { createWasmDecoder } from "./wasm-decoder.js";

/** libavif takes 70 to 100 ns a pixel here, where the other decoders take 2 to 20: about as long at its limit as they. */
const PIXEL_LIMIT = 1 << 26;

const decodeAvif = createWasmDecoder("AVIF", "avif_dec", [8]);

interface Box {
  name: string;
  start: number;
  end: number;
}

function* boxes(bytes: FileBytes, at: number, end: number): Generator<Box> {
  while (at + 8 <= end) {
    const length = bytes.u32(at);
    const name = String.fromCharCode(...bytes.bytes(at + 4, 4));
    // 0: to the end of the file. Lengths of 64 bits are for media data, behind the headers.
    const boxEnd = length === 0 ? end : at + length;
    if (length === 1 || (length > 1 && length < 8)) return;
    yield { name, start: at + 8, end: Math.min(boxEnd, end) };
    at = boxEnd;
  }
}

function find(bytes: FileBytes, at: number, end: number, name: string): Box | undefined {
  for (const box of boxes(bytes, at, end)) if (box.name === name) return box;
  return undefined;
}

/** EXIF orientation of rotations counterclockwise by quarter turns without mirror, and with axis 0 or 1. */
const ORIENTATIONS = [
  [1, 4, 2],
  [8, 5, 7],
  [3, 2, 4],
  [6, 7, 5],
] as const;

/** The largest picture among the properties; its thumbnail and its opacity have some too. */
function readSize(bytes: FileBytes): PictureSize {
  const { length } = bytes.file;
  const meta = find(bytes, 0, length, "meta");
  const iprp = meta && find(bytes, meta.start + 4, meta.end, "iprp");
  const ipco = iprp && find(bytes, iprp.start, iprp.end, "ipco");
  if (!ipco) throw bytes.truncated();
  let [width, height, turns, mirror] = [0, 0, 0, 0];
  for (const { name, start } of boxes(bytes, ipco.start, ipco.end)) {
    if (name === "ispe" && bytes.u32(start + 4) * bytes.u32(start + 8) > width * height) {
      width = bytes.u32(start + 4);
      height = bytes.u32(start + 8);
    } else if (name === "irot") turns = bytes.u8(start) & 3;
    else if (name === "imir") mirror = 1 + (bytes.u8(start) & 1);
  }
  return { width, height, orientation: ORIENTATIONS[turns][mirror] };
}

async function decode(file: Uint8Array, options: FormatOptions, { host }: { host: Host }): Promise<Pixels> {
  const bytes = new FileBytes(file, "AVIF", options.name, false);
  const size = readSize(bytes);
  requireSize("AVIF", size, options);
  const pixels = size.width * size.height;
  if (pixels > PIXEL_LIMIT) {
    const [found, allowed] = [pixels, PIXEL_LIMIT].map((value) => value.toLocaleString("en-US"));
    const text = `the AVIF header claims ${found} pixels, allowed are ${allowed} in this format`;
    throw pictureError("image/too-large", options.name, text);
  }
  const picture = await decodeAvif(host, file, options.name);
  if (picture.width !== size.width || picture.height !== size.height)
    throw bytes.corrupt("its picture has another size than its header");
  return { ...picture, rowsDecoded: size.height };
}

export const avif: Format = {
  readSize: (file, name) => readSize(new FileBytes(file, "AVIF", name, false)),
  decode,
};
