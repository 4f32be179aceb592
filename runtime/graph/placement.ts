// Placement: offsets in one arena for blocks of memory, so that no two that are live at once overlap.

import { alignUp } from "../bytes.js";
import type { Block } from "./lifetimes.js";

export interface Layout {
  /** Offset of block i, a multiple of the alignment. */
  offsets: number[];
  /** End of the last block: what the arena must hold. */
  bytes: number;
}

/**
 * Greedy by size: the largest block first, each into the tightest gap between the blocks that are live at the same
 * time. Near the lower bound for networks, whose largest tensors decide (Pisarchyk and Lee, arXiv 2001.03288, §5.2). No
 * block crosses a multiple of `bufferBytes`, which is a multiple of the alignment and no smaller than any block.
 */
export function placeBlocks(
  blocks: readonly Block[],
  alignmentBytes: number,
  bufferBytes = Number.POSITIVE_INFINITY,
): Layout {
  const offsets = new Array<number>(blocks.length).fill(0);
  const order = blocks.map((_, index) => index);
  order.sort((a, b) => sizeOf(blocks, b) - sizeOf(blocks, a) || a - b);
  const placed: number[] = [];
  let bytes = 0;
  for (const index of order) {
    const block = blocks[index];
    const neighbors = placed
      .filter((other) => livesWith(block, blocks[other]))
      .map((other) => ({
        start: offsets[other],
        end: offsets[other] + sizeOf(blocks, other),
      }))
      .sort((a, b) => a.start - b.start);
    const offset = tightestGap(neighbors, block.bytes, alignmentBytes, bufferBytes);
    offsets[index] = offset;
    bytes = Math.max(bytes, offset + block.bytes);
    placed.push(index);
  }
  return { offsets, bytes: alignUp(bytes, alignmentBytes) };
}

function sizeOf(blocks: readonly Block[], index: number): number {
  return blocks[index].bytes;
}

function livesWith(a: Block, b: Block): boolean {
  return a.start <= b.end && b.start <= a.end;
}

/** The first offset from `free` on at which `bytes` fit one buffer. */
function withinBuffer(free: number, bytes: number, bufferBytes: number): number {
  const end = (Math.floor(free / bufferBytes) + 1) * bufferBytes;
  return free + bytes <= end ? free : end;
}

/** Offset of the smallest gap that holds `bytes`, else the first aligned offset after all neighbors. */
function tightestGap(
  neighbors: readonly { start: number; end: number }[],
  bytes: number,
  alignment: number,
  bufferBytes: number,
): number {
  let best = -1;
  let bestSlack = Number.POSITIVE_INFINITY;
  let free = 0;
  for (const { start, end } of neighbors) {
    const place = withinBuffer(free, bytes, bufferBytes);
    const slack = start - place - bytes;
    if (slack >= 0 && slack < bestSlack) {
      best = place;
      bestSlack = slack;
    }
    free = Math.max(free, alignUp(end, alignment));
  }
  return best >= 0 ? best : withinBuffer(free, bytes, bufferBytes);
}
