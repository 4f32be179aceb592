// Shares: long sums that are cut among workgroups. Each writes its share to the program's scratch, and a second kernel adds the
// shares up in their order: the same bits at every run, unlike with atomic additions.

import { alignBinding, type Slice } from "./device.js";
import { type Dispatch, elementGrid } from "./dispatch.js";

/** Shares of two arrays of sums. */
export interface ShareSlices {
  /** [shares, count] */
  first: Slice;
  /** [shares, further] */
  second: Slice;
}

/** Room for `shares` times `count` and `further` float32 values. */
export function shareSlices(
  scratch: (bytes: number) => Slice,
  shares: number,
  { count, further }: { count: number; further: number },
): ShareSlices {
  const [bytes, furtherBytes] = [4 * shares * count, 4 * shares * further];
  const { buffer } = scratch(alignBinding(bytes) + furtherBytes);
  return {
    first: { buffer, offset: 0, bytes },
    second: { buffer, offset: alignBinding(bytes), bytes: furtherBytes },
  };
}

/** y += Σ first, and z += Σ second where there is a z. */
export function sumOfShares(
  { first, second }: ShareSlices,
  shares: number,
  { y, z }: { y: Slice | undefined; z: Slice | undefined },
): Dispatch {
  const count = first.bytes / 4 / shares;
  const further = z ? second.bytes / 4 / shares : 0;
  const operands = { shares: first, y, ...(z ? { sharesOfZ: second, z } : {}) };
  const numbers = [count, further, shares];
  return { kernel: "sum-of-shares", operands, numbers, grid: elementGrid(count + further) };
}
