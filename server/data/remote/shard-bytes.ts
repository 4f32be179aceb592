// Shard bytes: an object as its tar reader needs it, from its start to its end. Most of a shard is read, since there is a
// header for each picture, but in pieces: a thousand times fewer requests than one for each header.

import type { TarSource } from "../shards/tar-entries.js";
import type { ObjectVersion } from "./contract.js";
import type { ObjectStore } from "./object-store.js";

const PIECE_BYTES = 2 ** 22;
/** Pieces that are being fetched behind the one that is read. */
const AHEAD = 2;

/** Reads reject with the reason of `signal` where that ends. */
export function openRemoteShard(
  store: ObjectStore,
  url: string,
  version: ObjectVersion,
  signal?: AbortSignal,
): TarSource {
  const ended = new AbortController();
  const onAbort = () => ended.abort(signal?.reason);
  if (signal?.aborted) onAbort();
  signal?.addEventListener("abort", onAbort, { once: true });
  /** By number: the piece that is read, the one before it, and those behind it. */
  const pieces = new Map<number, Promise<Uint8Array>>();
  const pieceAt = (number: number): Promise<Uint8Array> => {
    const known = pieces.get(number);
    if (known) return known;
    const offset = number * PIECE_BYTES;
    const length = Math.min(PIECE_BYTES, version.bytes - offset);
    const piece = store.read(url, { offset, length }, version, ended.signal);
    // Awaited later, or never.
    piece.catch(() => {});
    pieces.set(number, piece);
    return piece;
  };
  const last = Math.floor((version.bytes - 1) / PIECE_BYTES);
  /** Keeps the pieces around `number`, and fetches those that follow it. A large entry's inside is skipped. */
  const moveTo = (number: number): void => {
    for (const other of pieces.keys()) if (other < number - 1) pieces.delete(other);
    for (let next = number; next <= Math.min(number + AHEAD, last); next++) pieceAt(next);
  };
  return {
    bytes: version.bytes,
    async read(offset, length) {
      if (offset + length > version.bytes)
        throw new RangeError(`bytes up to ${offset + length} of ${version.bytes}`);
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const number = Math.floor((offset + done) / PIECE_BYTES);
        moveTo(number);
        const from = offset + done - number * PIECE_BYTES;
        const part = (await pieceAt(number)).subarray(from, from + length - done);
        bytes.set(part, done);
        done += part.length;
      }
      return bytes;
    },
    close() {
      signal?.removeEventListener("abort", onAbort);
      ended.abort();
    },
  };
}
