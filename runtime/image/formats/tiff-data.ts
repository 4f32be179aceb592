// TIFF data: a compressed strip or tile → its samples, never more bytes than its rows have.

import { Region, Status } from "../../../assembly/image/contract.js";
import type { ImageModule } from "../image-module.js";

/** Expands `data` into `into`; returns how many bytes the data gave, as ~count (negative) where it is damaged. */
export type Expander = (module: ImageModule, data: Uint8Array, into: Uint8Array) => number;

function copyRaw(_: ImageModule, data: Uint8Array, into: Uint8Array): number {
  const bytes = Math.min(data.length, into.length);
  into.set(data.subarray(0, bytes));
  return bytes;
}

function expandPackBits(_: ImageModule, data: Uint8Array, into: Uint8Array): number {
  let to = 0;
  for (let at = 0; at < data.length && to < into.length; ) {
    const head = data[at++];
    if (head === 128) continue;
    const room = into.length - to;
    if (head < 128) {
      const run = data.subarray(at, at + Math.min(head + 1, room));
      into.set(run, to);
      to += run.length;
      at += head + 1;
    } else if (at < data.length) {
      const count = Math.min(257 - head, room);
      into.fill(data[at++], to, to + count);
      to += count;
    }
  }
  return to;
}

const NO_MEMORY = -(2 ** 31);

function expandDeflate(module: ImageModule, data: Uint8Array, into: Uint8Array): number {
  return module.run(undefined, (call) => {
    call.put(Region.Input, data);
    const result = call.exports.expandZlib(data.length, into.length);
    if (result === NO_MEMORY) call.check(Status.OutOfMemory);
    into.set(call.view(Region.Output, result < 0 ? ~result : result));
    return result;
  });
}

const CLEAR = 256;
const END = 257;
const MOST_CODES = 4096;

/** TIFF's LZW: most significant bit first, and codes grow one earlier than their number would need. */
function expandLzw(_: ImageModule, data: Uint8Array, into: Uint8Array): number {
  const prefix = new Uint16Array(MOST_CODES);
  const suffix = new Uint8Array(MOST_CODES);
  const lengths = new Uint16Array(MOST_CODES).fill(1);
  for (let i = 0; i < CLEAR; i++) suffix[i] = i;
  let next = END + 1;
  let width = 9;
  let previous = -1;
  let [held, bits, at, to] = [0, 0, 0, 0];
  while (to < into.length) {
    while (bits < width) {
      if (at >= data.length) return to;
      held = ((held << 8) | data[at++]) & 0xffffff;
      bits += 8;
    }
    const code = (held >> (bits - width)) & ((1 << width) - 1);
    bits -= width;
    if (code === END) return to;
    if (code === CLEAR) {
      next = END + 1;
      width = 9;
      previous = -1;
      continue;
    }
    if (code > next || (code >= CLEAR && previous < 0) || (code === next && next >= MOST_CODES)) return ~to;
    // The newest code, which is not yet defined, repeats the previous one and its first byte.
    const known = code < next ? code : previous;
    let place = to + lengths[known] - 1;
    let walk = known;
    for (; walk > END; walk = prefix[walk], place--) if (place < into.length) into[place] = suffix[walk];
    if (place < into.length) into[place] = walk;
    let length = lengths[known];
    if (code === next) {
      if (to + length < into.length) into[to + length] = walk;
      length++;
    }
    to += length;
    if (previous >= 0 && next < MOST_CODES) {
      prefix[next] = previous;
      suffix[next] = walk;
      lengths[next] = lengths[previous] + 1;
      next++;
      if (next >= (1 << width) - 1 && width < 12) width++;
    }
    previous = code;
  }
  return into.length;
}

/** By TIFF's number of the compression. */
export const EXPANDERS: ReadonlyMap<number, { expand: Expander; most: number }> = new Map([
  [1, { expand: copyRaw, most: 1 }],
  [5, { expand: expandLzw, most: 4096 }],
  [8, { expand: expandDeflate, most: 1032 }],
  [32946, { expand: expandDeflate, most: 1032 }],
  [32773, { expand: expandPackBits, most: 64 }],
]);

/** What the compressions that are not read are called. */
export const COMPRESSION_NAMES: Record<number, string> = {
  2: "CCITT compression",
  3: "CCITT compression",
  4: "CCITT compression",
  6: "JPEG compression",
  7: "JPEG compression",
  34925: "LZMA compression",
  50000: "Zstandard compression",
  50001: "WebP compression",
};

/** Undoes horizontal differencing of a row of `samples` samples per pixel, of 8 or 16 bits. */
export function addDifferences(row: Uint8Array, samples: number, bits: number, little: boolean): void {
  if (bits === 8) {
    for (let i = samples; i < row.length; i++) row[i] += row[i - samples];
    return;
  }
  const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
  for (let i = 2 * samples; i + 1 < row.length; i += 2)
    view.setUint16(i, view.getUint16(i, little) + view.getUint16(i - 2 * samples, little), little);
}
