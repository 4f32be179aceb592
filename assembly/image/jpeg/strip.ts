// Strip: where finished rows of RGB go. Either all of them stay in Region.Rgb, or they are handed to the host a strip
// at a time, while they are still in the cache, so that this memory never holds a whole picture. (At 12 megapixels this
// saves 3 of 25 ms, the cost of writing a picture and reading it again.)

import { regionStart, reserve } from "../call";
import { Region } from "../contract";

/**
 * Import of the host (module `strip`): takes `bytes` bytes of RGB rows at `address`; they follow the previous call's.
 */
declare function takeRows(address: usize, bytes: usize): void;

/** A strip is handed over at this size: large enough for few calls, small enough for a second-level cache. */
const STRIP_BYTES: usize = 1 << 17;

let handsOver: bool = false;
let at: usize = 0;

/**
 * Reserves memory for `rows` rows of `rowBytes` bytes, or, to hand them over, for a strip; at most `step` rows are
 * written between two calls of `finishRows`. False if it does not fit.
 */
export function reserveRows(rowBytes: usize, rows: u32, step: u32, handOver: bool): bool {
  handsOver = handOver;
  const bytes = handOver
    ? min(rowBytes * <usize>rows, STRIP_BYTES + rowBytes * <usize>step)
    : rowBytes * <usize>rows;
  at = reserve(Region.Rgb, bytes);
  return at !== 0;
}

/** Address that the next row is written to. */
export function nextRowAddress(): usize {
  return at;
}

/** Rows up to `end` have been written; `last` if none follow. */
export function finishRows(end: usize, last: bool): void {
  at = end;
  if (!handsOver) return;
  const start = regionStart(Region.Rgb);
  const bytes = end - start;
  if (bytes < STRIP_BYTES && !last) return;
  if (bytes > 0) takeRows(start, bytes);
  at = start;
}
