// Object bytes: a large object from its start to its end, in pieces that are fetched ahead.

import type { ObjectVersion } from "./contract.js";
import type { ObjectStore } from "./object-store.js";

/** Bytes of a request, and how many there are ahead of the reader. */
export const PIECE_BYTES = 2 ** 22;
const AHEAD = 3;

/** The pieces of an object in order. Throws what `ObjectStore.read` throws. */
export async function* objectPieces(
  store: ObjectStore,
  url: string,
  version: ObjectVersion,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const ended = new AbortController();
  const coming: Promise<Uint8Array<ArrayBuffer>>[] = [];
  let next = 0;
  const ask = () => {
    if (next >= version.bytes) return;
    const length = Math.min(PIECE_BYTES, version.bytes - next);
    const piece = store.read(url, { offset: next, length }, version, ended.signal);
    // Awaited later, or never.
    piece.catch(() => {});
    coming.push(piece);
    next += length;
  };
  try {
    for (let i = 0; i < AHEAD; i++) ask();
    for (let piece = coming.shift(); piece; piece = coming.shift()) {
      const bytes = await piece;
      ask();
      yield bytes;
    }
  } finally {
    ended.abort();
  }
}
