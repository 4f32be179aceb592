// WebP: libwebp in WebAssembly, with its own upsampling, as in Pillow. Of an animation, the first frame on a black
// canvas; libwebp's simple decoder takes still pictures only, so the frame is wrapped as one.

import type { Host } from "../../host/host.js";
import { FileBytes } from "./file-bytes.js";
import { type Format, type FormatOptions, type PictureSize, type Pixels, requireSize } from "./format.js";
import { readDirectory, Tag } from "./tiff-directory.js";
import { createWasmDecoder } from "./wasm-decoder.js";

const decodeStill = createWasmDecoder("WebP", "webp_dec", []);

const ANIMATION_FLAG = 0x02;
const OPACITY_FLAG = 0x10;
const FRAME_HEADER_BYTES = 16;

interface Chunk {
  name: string;
  /** First byte of the body, and behind its last. */
  start: number;
  end: number;
}

interface Layout extends PictureSize {
  /** The first frame of an animation: its place on the canvas, and its chunks. */
  frame?: { left: number; top: number; width: number; height: number; chunks: Chunk[] };
}

/** The chunks of [at, end); one that the file does not contain whole is truncated. */
function readChunks(bytes: FileBytes, at: number, end: number): Chunk[] {
  const chunks: Chunk[] = [];
  while (at + 8 <= end) {
    const name = String.fromCharCode(...bytes.bytes(at, 4));
    const start = at + 8;
    const chunkEnd = start + bytes.u32(at + 4);
    chunks.push({ name, start, end: chunkEnd });
    at = chunkEnd + (chunkEnd & 1);
  }
  return chunks;
}

function u24(bytes: FileBytes, at: number): number {
  return bytes.u16(at) | (bytes.u8(at + 2) << 16);
}

/** Size of a lossy or lossless bitstream by its own header. */
function streamSize(bytes: FileBytes, { name, start }: Chunk): { width: number; height: number } {
  if (name === "VP8 ") return { width: bytes.u16(start + 6) & 0x3fff, height: bytes.u16(start + 8) & 0x3fff };
  const packed = bytes.u32(start + 1);
  return { width: (packed & 0x3fff) + 1, height: ((packed >>> 14) & 0x3fff) + 1 };
}

/** EXIF is a TIFF file, behind JPEG's signature in the files of some writers. */
function orientationOf(bytes: FileBytes, exif: Chunk | undefined): number {
  if (!exif || exif.end > bytes.file.length) return 1;
  const body = bytes.file.subarray(exif.start, exif.end);
  try {
    const signed = String.fromCharCode(...body.subarray(0, 4)) === "Exif";
    const value = readDirectory(signed ? body.subarray(6) : body, undefined).value(Tag.Orientation, 1);
    return value >= 1 && value <= 8 ? value : 1;
  } catch {
    return 1;
  }
}

function isStream({ name }: Chunk): boolean {
  return name === "VP8 " || name === "VP8L";
}

function readLayout(bytes: FileBytes): Layout {
  const chunks = readChunks(bytes, 12, Math.min(bytes.file.length, 8 + bytes.u32(4)));
  const [first] = chunks;
  if (!first) throw bytes.truncated();
  if (isStream(first)) return { ...streamSize(bytes, first), orientation: 1 };
  if (first.name !== "VP8X") throw bytes.corrupt("it does not begin with a picture");
  const canvas = { width: u24(bytes, first.start + 4) + 1, height: u24(bytes, first.start + 7) + 1 };
  const orientation = orientationOf(
    bytes,
    chunks.find(({ name }) => name === "EXIF"),
  );
  if (!(bytes.u8(first.start) & ANIMATION_FLAG)) return { ...canvas, orientation };
  const frame = chunks.find(({ name }) => name === "ANMF");
  if (!frame) throw bytes.truncated();
  const at = frame.start;
  return {
    ...canvas,
    orientation,
    frame: {
      left: 2 * u24(bytes, at),
      top: 2 * u24(bytes, at + 3),
      width: u24(bytes, at + 6) + 1,
      height: u24(bytes, at + 9) + 1,
      chunks: readChunks(bytes, at + FRAME_HEADER_BYTES, Math.min(bytes.file.length, frame.end)),
    },
  };
}

function writeChunk(name: string, body: Uint8Array): Uint8Array[] {
  const head = new Uint8Array(8);
  head.set([...name].map((letter) => letter.charCodeAt(0)));
  new DataView(head.buffer).setUint32(4, body.length, true);
  return [head, body, new Uint8Array(body.length & 1)];
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** The frame as a file of its own. */
function stillFile(bytes: FileBytes, { width, height, chunks }: NonNullable<Layout["frame"]>): Uint8Array {
  const bodyOf = ({ start, end }: Chunk) => bytes.bytes(start, end - start);
  const stream = chunks.find(isStream);
  if (!stream) throw bytes.truncated();
  const opacity = chunks.find(({ name }) => name === "ALPH");
  const extended = new Uint8Array(10);
  extended[0] = OPACITY_FLAG;
  new DataView(extended.buffer).setUint32(4, width - 1, true);
  new DataView(extended.buffer).setUint16(7, (height - 1) & 0xffff, true);
  extended[9] = (height - 1) >> 16;
  const parts = opacity ? [...writeChunk("VP8X", extended), ...writeChunk("ALPH", bodyOf(opacity))] : [];
  const chunk = join([...parts, ...writeChunk(stream.name, bodyOf(stream))]);
  const webp = new TextEncoder().encode("WEBP");
  return join(writeChunk("RIFF", join([webp, chunk])));
}

async function decode(file: Uint8Array, options: FormatOptions, { host }: { host: Host }): Promise<Pixels> {
  const { name } = options;
  const bytes = new FileBytes(file, "WebP", name);
  const layout = readLayout(bytes);
  const { width, height, frame } = layout;
  requireSize("WebP", layout, options);
  // libwebp decodes what is there of a lossless picture and says nothing.
  if (!frame && 8 + bytes.u32(4) > file.length) throw bytes.truncated();
  if (!frame) {
    const picture = await decodeStill(host, file, name);
    if (picture.width !== width || picture.height !== height)
      throw bytes.corrupt("its picture has another size than its header");
    return { ...picture, rowsDecoded: height };
  }
  if (frame.left + frame.width > width || frame.top + frame.height > height)
    throw bytes.corrupt("its first frame is not inside its canvas");
  const still = await decodeStill(host, stillFile(bytes, frame), name);
  if (still.width !== frame.width || still.height !== frame.height)
    throw bytes.corrupt("its first frame has another size than its header");
  const data = new Uint8Array(width * height * 3);
  for (let row = 0; row < still.height; row++) {
    const line = still.data.subarray(row * still.width * 3, (row + 1) * still.width * 3);
    data.set(line, ((frame.top + row) * width + frame.left) * 3);
  }
  return { width, height, data, rowsDecoded: height };
}

export const webp: Format = {
  readSize(file, name) {
    const { width, height, orientation } = readLayout(new FileBytes(file, "WebP", name));
    return { width, height, orientation };
  },
  decode,
};
