// Message memory: the memory of large messages is freed as soon as they are sent or read. Where the garbage collector is
// left to find it, V8 marks all objects of the process for every 64 MB: that took half of the CPU time of a data server's
// serving thread, and a third of a client's (bench/data.ts, `replay`).

import { FRAME_HEADER_BYTES } from "./gathered-message.js";

/** Buffers below a few KB are parts of a pool, and those of small messages are not worth a call. */
const LEAST_BYTES = 64 * 1024;

/** What is transferred to a closed port is freed at once; `ArrayBuffer.transfer` is missing in Node 20. */
const { port1: closedPort } = new MessageChannel();
closedPort.close();

/**
 * Frees the memory of a message of grpc-js, or of a frame of one. The caller is the last who reads it: all views of that
 * memory are empty afterward. Does nothing where others may have views of the same buffer: where the message, but for
 * its header, is not all of it.
 */
export function freeMessage(message: Uint8Array | undefined): void {
  if (!message || message.byteLength < LEAST_BYTES) return;
  const { buffer, byteLength } = message;
  if (buffer instanceof ArrayBuffer && buffer.byteLength - byteLength <= FRAME_HEADER_BYTES)
    closedPort.postMessage(null, [buffer]);
}
