// Picture input: whatever a page has a picture in → its file's bytes, or its pixels, for the decode worker.

import { VitrineError } from "../../runtime/errors.js";
import { checkFileSize, fetchPicture } from "./fetch-picture.js";
import type { PictureSource } from "./messages.js";

const ALLOWED =
  "Blob, File, ArrayBuffer, Uint8Array, URL, string (URL or data URL), HTMLImageElement, HTMLVideoElement, " +
  "HTMLCanvasElement, OffscreenCanvas, ImageBitmap, ImageData, VideoFrame";

/** `[object File]` → `File`: unlike `instanceof`, also for objects of another window. */
function typeOf(input: unknown): string {
  return Object.prototype.toString.call(input).slice("[object ".length, -1);
}

function refuse(text: string, cause?: unknown): VitrineError {
  return new VitrineError("usage/picture", text, { cause });
}

async function readBlob(blob: Blob, name: string | undefined): Promise<PictureSource> {
  checkFileSize(blob.size, name);
  try {
    return { kind: "file", bytes: new Uint8Array(await blob.arrayBuffer()), name };
  } catch (cause) {
    const what = name === undefined ? "the file" : `${name}:`;
    const text = `${what} could not be read: was it moved or deleted?`;
    throw new VitrineError("file/unreadable", text, { details: { subject: name }, cause });
  }
}

/** An image that is still loading is waited for. */
async function expectLoaded(image: HTMLImageElement): Promise<void> {
  if (!image.currentSrc && !image.src) throw refuse("the <img> has no src");
  try {
    await image.decode();
  } catch (cause) {
    throw refuse(
      "the <img> has no picture: its src could not be loaded, or is of no format that this browser reads",
      cause,
    );
  }
}

function expectFrame({ readyState, videoWidth }: HTMLVideoElement): void {
  // HAVE_CURRENT_DATA
  if (readyState >= 2 && videoWidth > 0) return;
  throw refuse("the <video> has no frame yet: wait for its event loadeddata");
}

/** A copy of what can be drawn, so that the original stays the caller's. */
async function copyDrawable(drawable: ImageBitmapSource, type: string): Promise<PictureSource> {
  try {
    const options = { premultiplyAlpha: "none", colorSpaceConversion: "none" } as const;
    return { kind: "bitmap", bitmap: await createImageBitmap(drawable, options) };
  } catch (cause) {
    const reason = cause instanceof Error ? `: ${cause.message}` : "";
    throw refuse(`the ${type} cannot be read: it is empty, closed or was moved to a worker${reason}`, cause);
  }
}

function copyPixels({ width, height, data }: ImageData): PictureSource {
  if (!(data instanceof Uint8ClampedArray)) throw refuse("the ImageData does not hold bytes (rgba-unorm8)");
  return { kind: "rgba", width, height, data: data.slice() };
}

/**
 * Copies what it reads: nothing of the caller's is moved or changed. Throws `usage/picture` for what is no picture,
 * `file/unreadable`, `image/too-large` for a file of too many bytes, `network/…`, and the signal's reason.
 */
export async function readInput(input: unknown, signal: AbortSignal | undefined): Promise<PictureSource> {
  if (typeof input === "string") return fetchPicture(input, signal);
  const type = typeOf(input);
  switch (type) {
    case "URL":
      return fetchPicture((input as URL).href, signal);
    case "Blob":
      return readBlob(input as Blob, undefined);
    case "File":
      return readBlob(input as File, (input as File).name || undefined);
    case "ArrayBuffer":
      return { kind: "file", bytes: new Uint8Array((input as ArrayBuffer).slice(0)) };
    case "Uint8Array":
      return { kind: "file", bytes: Uint8Array.from(input as Uint8Array) };
    case "ImageData":
      return copyPixels(input as ImageData);
    case "HTMLImageElement":
      await expectLoaded(input as HTMLImageElement);
      return copyDrawable(input as HTMLImageElement, "<img>");
    case "HTMLVideoElement":
      expectFrame(input as HTMLVideoElement);
      return copyDrawable(input as HTMLVideoElement, "<video>");
    case "HTMLCanvasElement":
    case "OffscreenCanvas":
    case "ImageBitmap":
    case "VideoFrame":
      return copyDrawable(input as ImageBitmapSource, type);
  }
  const what = input === null || input === undefined ? String(input) : type === "Object" ? "an object" : type;
  throw refuse(`a picture cannot be read from ${what}; allowed: ${ALLOWED}, and lists of them`);
}
