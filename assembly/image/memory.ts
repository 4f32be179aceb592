// Memory: one arena of named regions, emptied before each image. Nothing is freed one by one, nothing is collected.
//
// A call begins with `resetArena`, then reserves what it needs; regions lie one behind the other in the order in
// which they were reserved. After the largest image of a run has been seen, no call grows the memory again. The
// module must never use `new`: the stub runtime would place objects where the arena lies.

import { REGION_COUNT, Region } from "./regions";

/** Regions start on cache lines, and vector code may read or write this far beyond a region's end. */
const ALIGNMENT: usize = 64;
const SLACK: usize = 64;

/** Start and length of each region, two words a region; length 0 means not reserved. */
const directory: usize = memory.data(REGION_COUNT * 8, 16);

let top: usize = __heap_base;
let limit: usize = 1 << 30;

/** Bytes that the whole linear memory may grow to; a `reserve` beyond it fails. Default 1 GiB. */
export function setMemoryLimit(bytes: usize): void {
  limit = bytes;
}

/** Forgets every region; their bytes stay until others are written over them. */
export function resetArena(): void {
  top = __heap_base;
  memory.fill(directory, 0, REGION_COUNT * 8);
}

/**
 * Address of `bytes` bytes for that purpose, 64-byte aligned, contents undefined; 0 if the limit or the host says no.
 * Reserving a region again keeps its place (and its bytes) where it is long enough, else gives it a new place.
 */
export function reserve(region: Region, bytes: usize): usize {
  const entry = directory + ((<usize>region) << 3);
  const held = load<usize>(entry, 4);
  if (held >= bytes && held !== 0) return load<usize>(entry);
  const start = (top + (ALIGNMENT - 1)) & ~(ALIGNMENT - 1);
  const end = <u64>start + <u64>bytes + <u64>SLACK;
  if (end > <u64>limit) return 0;
  const pages = <i32>((end + 0xffff) >> 16);
  const present = memory.size();
  if (pages > present && memory.grow(pages - present) < 0) return 0;
  top = <usize>end;
  store<usize>(entry, start);
  store<usize>(entry, bytes === 0 ? 1 : bytes, 4);
  return start;
}

/** Address of a region reserved since the last reset, or 0. */
export function regionStart(region: Region): usize {
  return load<usize>(directory + ((<usize>region) << 3));
}

/** Length with which a region was reserved, or 0. */
export function regionLength(region: Region): usize {
  return load<usize>(directory + ((<usize>region) << 3), 4);
}
