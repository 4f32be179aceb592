// Scratch: memory that a kernel needs while it runs. Threads share one linear memory, so each has a piece of its own; a
// module that runs alone uses the one below heapBase().

/** Bytes of packed B, half of a second-level cache of 1 MiB. */
export const PANELS_BYTES: usize = 512 * 1024;
/** Bytes of a transposed block of A. */
export const TRANSPOSED_BYTES: usize = 192 * 1024;
/** One register block of 16 columns and up to 8 rows. */
const TILE_BYTES: usize = 8 * 64;
/** Attention scores of a block of queries. */
export const SCORES_BYTES: usize = 512 * 1024;

export const SCRATCH_BYTES: usize = PANELS_BYTES + TRANSPOSED_BYTES + TILE_BYTES + SCORES_BYTES;

/** Address of the instance's piece, a multiple of 64. */
let scratch: usize = memory.data(<i32>SCRATCH_BYTES, 64);

export function setScratchAddress(address: usize): void {
  scratch = address;
}

export function panels(): usize {
  return scratch;
}

export function transposed(): usize {
  return scratch + PANELS_BYTES;
}

export function tile(): usize {
  return scratch + PANELS_BYTES + TRANSPOSED_BYTES;
}

export function scores(): usize {
  return scratch + PANELS_BYTES + TRANSPOSED_BYTES + TILE_BYTES;
}
