// Picture worker: a thread that decodes one picture at a time in an image module of its own, whose memory no other
// thread can reach.

import { memoryUsage } from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import { type ErrorRecord, toErrorRecord } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import type { InputTransform } from "../../runtime/image/input-transform.js";
import { readPictureHeader } from "../../runtime/image/picture.js";
import { readPicture } from "../../runtime/image/picture-reader.js";

export interface WorkerData {
  /** MiB that one picture may take in the image module. */
  memoryLimitMiB: number;
  /** A thread that holds more bytes after a picture asks to be replaced: memory of WebAssembly never shrinks. */
  keepBytes: number;
  /** Larger pictures, in pixels, are decoded only with `mayBeLarge`. */
  largePixels: number;
}

export interface WorkerRequest {
  id: number;
  /** It alone in its buffer, which the thread owns. */
  file: Uint8Array;
  transform: InputTransform;
  pixelLimit: number;
  mayBeLarge: boolean;
}

export type WorkerResponse =
  | { kind: "ready" }
  | { kind: "unusable"; error: ErrorRecord }
  | { kind: "done"; id: number; pixels: Uint8Array; isSwollen: boolean }
  /** A large picture, whose turn has not come; the file is given back. */
  | { kind: "large"; id: number; file: Uint8Array }
  | { kind: "failed"; id: number; error: ErrorRecord; stack: string | undefined; isSwollen: boolean };

function respond(message: WorkerResponse, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

/** JPEG is decoded at no less than 1/8 of both sides. */
const MOST_SHRINKING = 64;

try {
  const { memoryLimitMiB, keepBytes, largePixels } = workerData as WorkerData;
  const keepMemoryMiB = keepBytes / 2 ** 20;
  const module = await createImageModule(nodeHost(), { memoryLimitMiB, keepMemoryMiB });
  const isLarge = ({ file, pixelLimit }: WorkerRequest): boolean => {
    const { width, height, format } = readPictureHeader(module, file);
    const pixels = width * height;
    // What is refused from its header costs nothing.
    return pixels > largePixels && pixels <= pixelLimit * (format === "JPEG" ? MOST_SHRINKING : 1);
  };
  const isSwollen = () => memoryUsage().external > keepBytes;
  const decode = async (request: WorkerRequest): Promise<void> => {
    const { id, file, transform, pixelLimit, mayBeLarge } = request;
    try {
      if (!mayBeLarge && isLarge(request)) {
        respond({ kind: "large", id, file }, [file.buffer as ArrayBuffer]);
        return;
      }
      const pixels = await readPicture(module, file, { ...transform, pixelLimit });
      respond({ kind: "done", id, pixels, isSwollen: isSwollen() }, [pixels.buffer as ArrayBuffer]);
    } catch (error) {
      const stack = error instanceof Error ? error.stack : undefined;
      respond({ kind: "failed", id, error: toErrorRecord(error), stack, isSwollen: isSwollen() });
    }
  };
  parentPort?.on("message", decode);
  respond({ kind: "ready" });
} catch (error) {
  respond({ kind: "unusable", error: toErrorRecord(error) });
}
