// Strip: where finished rows of RGB go. Either all of them stay in Region.Rgb, or they are handed to the host a strip
// at a time, while they are still in the cache; a whole picture then never lies in this memory. (12 megapixels: 3 of
// 25 ms that writing a picture and reading it again had cost.)

import { takeRows } from "../env";
import { regionStart, reserve } from "../memory";
import { Region } from "../regions";

/** A strip leaves when it has so many bytes: large enough for few calls, small enough for a second-level cache. */
const STRIP_BYTES: usize = 1 << 17;

let handsOver: bool = false;
let at: usize = 0;

/**
 * Makes room for `rows` rows of `rowBytes` bytes, or, to hand them over, for a strip; at most `step` rows are written
 * between two calls of `finishRows`. False where memory forbids it.
 */
export function reserveRows(rowBytes: usize, rows: u32, step: u32, handOver: bool): bool {
  handsOver = handOver;
  const bytes = handOver
    ? min(rowBytes * <usize>rows, STRIP_BYTES + rowBytes * <usize>step)
    : rowBytes * <usize>rows;
  at = reserve(Region.Rgb, bytes);
  return at !== 0;
}

/** Where the next row goes. */
export function nextRowAddress(): usize {
  return at;
}

/** Rows up to `end` are written; `last` where none follow. */
export function finishRows(end: usize, last: bool): void {
  at = end;
  if (!handsOver) return;
  const start = regionStart(Region.Rgb);
  const bytes = end - start;
  if (bytes < STRIP_BYTES && !last) return;
  if (bytes > 0) takeRows(start, bytes);
  at = start;
}
