// Coefficients: all blocks of a picture whose components or bits come in several scans, i16 [rows, columns, 64]
// for each component, natural order, padded to whole minimum coded units; after them, for each block in the same
// order, a mask u64 of its nonzero zigzag positions, which progressive scans maintain.

import { reserve } from "../call";
import { Region } from "../contract";
import { noteWork } from "../interruption";
import { needsSmoothing, smoothBlock } from "./block-smoothing";
import { transformBlock } from "./idct";
import { component, picture } from "./picture";
import { finishUnitRow } from "./planes";
import { window } from "./window";

export const BLOCK_BYTES: usize = 128;
const MASK_BYTES: usize = 8;

/** Reserves the blocks and masks and clears them; false if they do not fit into memory. */
export function reserveCoefficients(): bool {
  let blocks: u64 = 0;
  for (let i: u32 = 0; i < picture.componentCount; i++) {
    const c = component(i);
    c.blocksAcross = picture.mcusAcross * c.h;
    blocks += <u64>c.blocksAcross * <u64>(picture.mcusDown * c.v);
  }
  const bytes = blocks * <u64>(BLOCK_BYTES + MASK_BYTES);
  if (bytes > 0x7fff_0000) return false;
  let at = reserve(Region.Coefficients, <usize>bytes);
  if (at === 0) return false;
  memory.fill(at, 0, <usize>bytes);
  let masks = at + <usize>blocks * BLOCK_BYTES;
  for (let i: u32 = 0; i < picture.componentCount; i++) {
    const c = component(i);
    const count = <usize>c.blocksAcross * <usize>(picture.mcusDown * c.v);
    c.coefficients = at;
    c.masks = masks;
    at += count * BLOCK_BYTES;
    masks += count * MASK_BYTES;
  }
  return true;
}

/** Address of block (row, column) of component `index`. */
export function blockAt(index: u32, row: u32, column: u32): usize {
  const c = component(index);
  return c.coefficients + (<usize>row * <usize>c.blocksAcross + <usize>column) * BLOCK_BYTES;
}

/** Transforms the window's blocks to samples, unit row by unit row, and writes the rows of RGB. */
export function transformCoefficients(): void {
  const smooth = needsSmoothing();
  const rowBytes = <usize>picture.width * <usize>(picture.vMax * picture.side) * 3;
  for (let row = window.firstRow; row < window.endRow; row++) {
    for (let i: u32 = 0; i < picture.componentCount; i++) {
      const v = component(i).v;
      for (let y: u32 = 0; y < v; y++) transformBlockRow(i, row * v + y, y * component(i).side, smooth);
    }
    finishUnitRow();
    noteWork(rowBytes);
  }
}

/** One row of blocks → samples from row `y` of the component's plane on. */
function transformBlockRow(index: u32, row: u32, y: u32, smooth: bool): void {
  const c = component(index);
  const first = window.firstUnit * c.h;
  const end = window.endUnit * c.h;
  let target = c.plane + <usize>y * c.stride + <usize>(first * c.side);
  let block = blockAt(index, row, first);
  for (let column = first; column < end; column++, block += BLOCK_BYTES, target += c.side) {
    // A component without any scan has no table; like libjpeg, leave it mid-gray.
    if (c.multipliers === 0) transformBlock(c, block, block, target, 0);
    else if (!smooth) transformBlock(c, block, c.multipliers, target, extentOf(block));
    else {
      const estimated = smoothBlock(index, row, column);
      transformBlock(c, estimated, c.multipliers, target, extentOf(estimated));
    }
  }
}

/** An upper bound of the last nonzero zigzag position: 0, 9 or 63, the cases that the IDCT distinguishes. */
function extentOf(block: usize): u32 {
  const top = v128.load(block);
  const near = v128.or(v128.or(v128.load(block, 16), v128.load(block, 32)), v128.load(block, 48));
  const far = v128.or(
    v128.or(v128.load(block, 64), v128.load(block, 80)),
    v128.or(v128.load(block, 96), v128.load(block, 112)),
  );
  const all = v128.or(top, near);
  if (v128.any_true(far) || i64x2.extract_lane(all, 1) !== 0) return 63;
  return v128.any_true(near) || i64x2.extract_lane(top, 0) >> 16 !== 0 ? 9 : 0;
}
