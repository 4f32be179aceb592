// Virtual object: bytes that follow from their places, so that a range of a large object needs no object.

import type { ByteRange } from "../../../server/data/remote/contract.js";

/** The bytes of a range; words of four bytes, each a hash of its place. */
export function bytesAt({ offset, length }: ByteRange): Buffer {
  const first = Math.floor(offset / 4);
  const words = new Uint32Array(Math.ceil((offset + length) / 4) - first);
  for (let i = 0; i < words.length; i++)
    words[i] = Math.imul(first + i + 1, 0x9e3779b1) ^ ((first + i) >>> 7);
  return Buffer.from(words.buffer, offset - 4 * first, length);
}
