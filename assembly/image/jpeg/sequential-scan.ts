// Sequential scan: one interleaved scan with all components, decoded unit by unit straight into samples.

import { fail } from "../outcome";
import { Status } from "../status";
import { reserveBits } from "./bits";
import { describeDamage } from "./damage";
import { clearBadCode, metBadCode } from "./long-code";
import { fileEnd, hasEndMarker, offsetOf, scanDataStart } from "./markers";
import { Component, component, picture } from "./picture";
import { finishUnitRow, reservePlanes } from "./planes";
import { beginScan, beginUnit, isExhausted, metWrongMarker, noticeEnd } from "./restart";
import { MAX_UNIT_BLOCKS, scanComponentCount, scanComponentIndex } from "./scan-header";
import { block, decodeBlock, lastPosition, skipBlock } from "./sequential-block";
import { transformBlock } from "./transform-block";
import { window } from "./window";

/** A block of a minimum coded unit: whose it is, and where its samples of the next unit go. */
@unmanaged
class UnitBlock {
  owner: Component;
  target: usize;
  /** Bytes from this block to the same one of the next unit. */
  step: usize;
}

const UNIT_BLOCK_BYTES: usize = 16;
const unitBlocks: usize = memory.data(10 * 16, 16);
let unitBlockCount: u32 = 0;

/**
 * Decodes the scan that the markers stopped at as far as the window needs it; a file without its end marker is read
 * to the last row, to tell a truncated one. With `partial`, damage ends nothing and leaves gray.
 */
export function decodeSequentialScan(partial: bool, handOver: bool): Status {
  const from = scanDataStart();
  if (!reserveBits(fileEnd() - from) || !reservePlanes(handOver))
    return fail(Status.OutOfMemory, offsetOf(from));
  clearBadCode();
  beginScan(from);
  let p: u32 = 0;
  let damaged = false;
  const endRow = partial || hasEndMarker() ? window.endRow : picture.mcusDown;
  for (let row: u32 = 0; row < endRow; row++) {
    const wanted = row >= window.firstRow && row < window.endRow;
    p = decodeUnitRow(p, wanted ? window.firstUnit : picture.mcusAcross, window.endUnit);
    if (!damaged && (isExhausted() || metBadCode || metWrongMarker())) {
      damaged = true;
      if (!partial) return describeDamage(p, row * picture.vMax * picture.side);
    }
    if (!damaged) picture.rowsDecoded = min((row + 1) * picture.vMax * picture.side, picture.height);
    if (wanted) finishUnitRow();
  }
  return Status.Ok;
}

/** One row of units; those before `first` and from `end` on are read without being kept. */
function decodeUnitRow(p: u32, first: u32, end: u32): u32 {
  listUnitBlocks(first);
  for (let unit: u32 = 0; unit < picture.mcusAcross; unit++) {
    if (beginUnit()) p = 0;
    const wanted = unit >= first && unit < end;
    if (!isExhausted()) p = wanted ? decodeUnit(p) : skipUnit(p);
    else if (wanted) grayUnit();
  }
  return p;
}

/** Points each block of a unit at unit `first` of the row. */
function listUnitBlocks(first: u32): void {
  unitBlockCount = 0;
  for (let i: u32 = 0; i < scanComponentCount(); i++) {
    const c = component(scanComponentIndex(i));
    for (let y: u32 = 0; y < c.v; y++) {
      for (let x: u32 = 0; x < c.h && unitBlockCount < MAX_UNIT_BLOCKS; x++) {
        const entry = changetype<UnitBlock>(unitBlocks + <usize>unitBlockCount * UNIT_BLOCK_BYTES);
        entry.owner = c;
        entry.target = c.plane + <usize>(y * c.side) * c.stride + <usize>((first * c.h + x) * c.side);
        entry.step = <usize>(c.h * c.side);
        unitBlockCount++;
      }
    }
  }
}

function decodeUnit(p: u32): u32 {
  const end = unitBlocks + <usize>unitBlockCount * UNIT_BLOCK_BYTES;
  for (let at = unitBlocks; at < end; at += UNIT_BLOCK_BYTES) {
    const entry = changetype<UnitBlock>(at);
    const c = entry.owner;
    p = decodeBlock(c, p);
    transformBlock(c, block, c.multipliers, entry.target, lastPosition);
    entry.target += entry.step;
  }
  noticeEnd(p);
  return p;
}

/** Reads over a unit: only lengths of codes and the DC values count. */
function skipUnit(p: u32): u32 {
  const end = unitBlocks + <usize>unitBlockCount * UNIT_BLOCK_BYTES;
  for (let at = unitBlocks; at < end; at += UNIT_BLOCK_BYTES)
    p = skipBlock(changetype<UnitBlock>(at).owner, p);
  noticeEnd(p);
  return p;
}

/** A unit without data: mid-gray, as libjpeg leaves it. */
function grayUnit(): void {
  v128.store(block, i64x2.splat(0));
  const end = unitBlocks + <usize>unitBlockCount * UNIT_BLOCK_BYTES;
  for (let at = unitBlocks; at < end; at += UNIT_BLOCK_BYTES) {
    const entry = changetype<UnitBlock>(at);
    transformBlock(entry.owner, block, block, entry.target, 0);
    entry.target += entry.step;
  }
}
