// Call: the state of one call into the module, its memory and the reason for its failure. Both last until the next
// call.
//
// Memory is one arena of named regions. A call begins with `resetArena`, then reserves what it needs; regions are
// contiguous in the order in which they were reserved, nothing is freed individually, nothing is collected. Once the
// largest image of a run has been seen, no call grows the memory again. The module must never use `new`: the stub
// runtime would place objects inside the arena.

import { REGION_COUNT, Region, Status } from "./contract";

/** Regions start on cache lines, and vector code may read or write this far beyond a region's end. */
const ALIGNMENT: usize = 64;
const SLACK: usize = 64;

/** Start and length of each region, two words a region; length 0 means not reserved. */
const directory: usize = memory.data(REGION_COUNT * 8, 16);

let top: usize = __heap_base;
let limit: usize = 1 << 30;

/** Limits the bytes that the whole linear memory may grow to; a `reserve` beyond it fails. Default 1 GiB. */
export function setMemoryLimit(bytes: usize): void {
  limit = bytes;
}

/** Forgets every region; their bytes stay until others overwrite them. */
export function resetArena(): void {
  top = __heap_base;
  memory.fill(directory, 0, REGION_COUNT * 8);
}

/**
 * Address of `bytes` bytes for that purpose, 64-byte aligned, contents undefined; 0 if the limit or the host refuses.
 * Reserving a region again keeps its address (and its bytes) if it is long enough, and otherwise moves it.
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

/**
 * The debug build's check of what a stage is about to write: inside the regions reserved so far, `SLACK` included. To
 * be called behind `if (!ASC_NO_ASSERT)`, so that a release build has the same bytes as without it.
 */
export function assertReserved(address: usize, bytes: usize): void {
  assert(address + 16 >= __heap_base, "a write before the first region");
  assert(<u64>address + <u64>bytes <= <u64>top, "a write beyond the last region");
}

let offset: u32 = 0;
let found: f64 = 0;
let allowed: f64 = 0;

/** Records why a call fails and returns the status: `return fail(Status.Truncated, at, rows, height)`. */
export function fail(status: Status, at: usize, foundValue: f64 = 0, allowedValue: f64 = 0): Status {
  offset = <u32>at;
  found = foundValue;
  allowed = allowedValue;
  return status;
}

/** Byte of the file where the failure was noticed. */
export function statusOffset(): u32 {
  return offset;
}

/** The number that caused the failure, as `Status` describes it. */
export function statusFound(): f64 {
  return found;
}

/** The largest number that would have been accepted, as `Status` describes it. */
export function statusAllowed(): f64 {
  return allowed;
}
