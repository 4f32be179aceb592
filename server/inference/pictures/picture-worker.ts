// Picture worker: a thread that decodes one picture at a time in an image module of its own, whose memory no other
// thread can reach.

import { memoryUsage } from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import { type ErrorRecord, toErrorRecord } from "../../../runtime/errors.js";
import { nodeHost } from "../../../runtime/host/node.js";
import { createImageModule } from "../../../runtime/image/image-module.js";
import type { InputTransform } from "../../../runtime/image/input-transform.js";
import { readPictureHeader } from "../../../runtime/image/picture.js";
import { readPicture } from "../../../runtime/image/picture-reader.js";

export interface WorkerData {
  /** MiB that one picture may take in the image module. */
  memoryLimitMiB: number;
  /** A thread that holds more bytes after a picture asks to be replaced: memory of WebAssembly never shrinks. */
  keepBytes: number;
  /** Larger pictures, in pixels of a JPEG or PNG file, are decoded only with `mayBeLarge`. */
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

/**
 * Memory of a pixel in formats that are decoded outside the image module, in that of JPEG and PNG: RGBA, a copy of it,
 * and RGB on both sides (14 bytes instead of 3).
 */
const COPIES = 4;

try {
  const { memoryLimitMiB, keepBytes, largePixels } = workerData as WorkerData;
  // The module keeps its memory, so that the thread knows its size: what is dropped waits for V8, which since Node 26 does
  // not count it among external memory.
  const module = await createImageModule(nodeHost(), { memoryLimitMiB, keepMemoryMiB: memoryLimitMiB });
  /** The limit for a file's format, and whether decoding it takes much memory: what is refused takes none. */
  const weigh = (file: Uint8Array, limit: number): { pixelLimit: number; isLarge: boolean } => {
    const { width, height, format } = readPictureHeader(module, file);
    const copies = format === "JPEG" || format === "PNG" ? 1 : COPIES;
    const pixels = width * height * copies;
    const isRefused = pixels > limit * (format === "JPEG" ? MOST_SHRINKING : 1);
    return { pixelLimit: Math.floor(limit / copies), isLarge: pixels > largePixels && !isRefused };
  };
  const isSwollen = () => Math.max(memoryUsage().external, module.memoryBytes()) > keepBytes;
  const decode = async (request: WorkerRequest): Promise<void> => {
    const { id, file, transform, mayBeLarge } = request;
    try {
      const { pixelLimit, isLarge } = weigh(file, request.pixelLimit);
      if (isLarge && !mayBeLarge) {
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
