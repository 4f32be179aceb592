// Splits: long sums that are split among workgroups. Each writes its partial sum to the program's scratch memory, and
// a second kernel adds the partial sums in a fixed order: the same bits in every run, unlike atomic additions.

import { alignBinding, type Slice } from "./device.js";
import { type Dispatch, elementGrid } from "./dispatch.js";
import type { Scratch } from "./operands.js";
import type { TileTable } from "./tier.js";

/** Workgroups that keep a large GPU busy: four on each of 128 cores. */
const ENOUGH_GROUPS = 512;
/** A split of fewer values costs more to write and to add than its workgroup saves. */
const SMALLEST_SPLIT = 256;

/**
 * Into how many splits to divide sums of `length` values each, where `groups` workgroups would compute them unsplit.
 * On a CPU one workgroup keeps a core as busy as many do.
 */
export function splitCount(table: TileTable, groups: number, length: number): number {
  if (table !== "gpu") return 1;
  return Math.max(1, Math.min(Math.ceil(ENOUGH_GROUPS / groups), Math.floor(length / SMALLEST_SPLIT)));
}

/** Partial sums of two arrays. */
export interface SplitSlices {
  /** [splits, count] */
  first: Slice;
  /** [splits, further] */
  second: Slice;
}

/** Scratch memory for `splits` times `count` and `further` float32 values. */
export function splitSlices(
  scratch: Scratch,
  splits: number,
  { count, further }: { count: number; further: number },
): SplitSlices {
  const [bytes, furtherBytes] = [4 * splits * count, 4 * splits * further];
  const { buffer } = scratch(alignBinding(bytes) + furtherBytes);
  return {
    first: { buffer, offset: 0, bytes },
    second: { buffer, offset: alignBinding(bytes), bytes: furtherBytes },
  };
}

/** y += Σ first, and z += Σ second where there is a z. */
export function sumOfSplits(
  { first, second }: SplitSlices,
  splits: number,
  { y, z }: { y: Slice | undefined; z: Slice | undefined },
): Dispatch {
  const count = first.bytes / 4 / splits;
  const further = z ? second.bytes / 4 / splits : 0;
  const operands = { splits: first, y, ...(z ? { splitsOfZ: second, z } : {}) };
  const numbers = [count + further, count, splits];
  return { kernel: "sum-of-splits", operands, numbers, grid: elementGrid(count + further) };
}
