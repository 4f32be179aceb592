// Decode worker: reads pictures with the image module that Node uses, and leaves to the browser what that does not read.

import { toErrorRecord, VitrineError } from "../../runtime/errors.js";
import { browserHost } from "../../runtime/host/browser.js";
import { DEFAULT_PIXEL_LIMIT } from "../../runtime/image/decode.js";
import { evaluationInputOfPixels } from "../../runtime/image/evaluation-input.js";
import { compileImageModule, type ImageModule, openImageModule } from "../../runtime/image/image-module.js";
import { readPictureAnywhere } from "../../runtime/image/picture-reader.js";
import type { RgbImage } from "../../runtime/image/resize.js";
import { decodeOnCanvas, pixelsOfBitmap, rgbOfRgba } from "./canvas-decoder.js";
import type { DecodedInput, DecodeTask, FromDecoder, ToDecoder } from "./messages.js";

/** The part of DedicatedWorkerGlobalScope in use; the DOM's types describe only a page. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<ToDecoder>) => void) | null;
  postMessage(message: FromDecoder, transfer?: Transferable[]): void;
}
const scope = globalThis as unknown as WorkerScope;

let opening: Promise<ImageModule>;

async function open({ assets, module, stop }: Extract<ToDecoder, { kind: "open" }>): Promise<ImageModule> {
  const host = browserHost(assets);
  const compiled = module ?? (await compileImageModule(host));
  scope.postMessage({ kind: "opened", module: compiled });
  const onWork = () => {
    if (stop && Atomics.load(stop, 0) !== 0) throw new Error("the picture was dropped");
  };
  return openImageModule(host, compiled, { onWork });
}

function checkPixels({ width, height }: Omit<RgbImage, "data">, limit: number): void {
  const pixels = width * height;
  if (pixels <= limit) return;
  const text = `the picture has ${width}×${height} = ${pixels.toLocaleString("en")} pixels, allowed are ${limit.toLocaleString("en")} (option pixelLimit)`;
  throw new VitrineError("image/too-large", text, { details: { width, height, limit } });
}

async function decode(
  module: ImageModule,
  { source, transform, pixelLimit = DEFAULT_PIXEL_LIMIT }: DecodeTask,
): Promise<DecodedInput> {
  if (source.kind === "file") {
    const { name, bytes } = source;
    const options = { ...transform, name, pixelLimit, advice: { pixelLimit: "option pixelLimit" } };
    const decodeOther = (file: Uint8Array) =>
      decodeOnCanvas(file, name, (bitmap) => checkPixels(bitmap, pixelLimit));
    const read = await readPictureAnywhere(module, bytes, options, decodeOther);
    const { pixels, decodedBy, ...facts } = read;
    const whose = decodedBy === "vitrine" ? "vitrine" : "browser";
    return { pixels: pixels as Uint8Array<ArrayBuffer>, picture: { ...facts, decodedBy: whose } };
  }
  const size = source.kind === "bitmap" ? source.bitmap : source;
  checkPixels(size, pixelLimit);
  const image = source.kind === "bitmap" ? pixelsOfBitmap(source.bitmap) : rgbOfRgba(source);
  const pixels = evaluationInputOfPixels(module, image, transform) as Uint8Array<ArrayBuffer>;
  const { width, height } = image;
  return { pixels, picture: { width, height, decodedBy: "browser", scale: 1 } };
}

async function respond({ id, task }: Extract<ToDecoder, { kind: "run" }>): Promise<void> {
  try {
    const result = await decode(await opening, task);
    scope.postMessage({ kind: "done", id, result }, [result.pixels.buffer]);
  } catch (error) {
    scope.postMessage({ kind: "failed", id, error: toErrorRecord(error) });
  }
}

scope.onmessage = ({ data }) => {
  if (data.kind === "run") void respond(data);
  else {
    opening = open(data);
    opening.catch((error) => scope.postMessage({ kind: "open-failed", error: toErrorRecord(error) }));
  }
};
