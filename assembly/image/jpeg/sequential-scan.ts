// Sequential scan: one interleaved scan with all components, decoded unit by unit directly to samples.

import { fail } from "../call";
import { Status } from "../contract";
import { noteWork } from "../interruption";
import { reserveBits } from "./bits";
import { clearBadCode, sawBadCode } from "./huffman-lookup";
import { transformBlock } from "./idct";
import { fileEnd, hasEndMarker, offsetOf, scanDataStart } from "./markers";
import { Component, component, picture } from "./picture";
import { finishUnitRow, reservePlanes } from "./planes";
import { beginScan, beginUnit, describeDamage, isExhausted, noticeEnd, sawWrongMarker } from "./restart";
import { MAX_UNIT_BLOCKS, scanComponentCount, scanComponentIndex } from "./scan-header";
import { block, decodeBlock, lastPosition, skipBlock } from "./sequential-block";
import { window } from "./window";

/** A block of a minimum coded unit: its component, and where its samples of the next unit go. */
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
 * Decodes the scan at which reading stopped as far as the window needs it; a file without its end marker is read to the
 * last row, to detect truncation. With `partial`, decoding continues after damage and leaves gray.
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
  const rowBytes = <usize>picture.width * <usize>(picture.vMax * picture.side) * 3;
  for (let row: u32 = 0; row < endRow; row++) {
    const wanted = row >= window.firstRow && row < window.endRow;
    p = decodeUnitRow(p, wanted ? window.firstUnit : picture.mcusAcross, window.endUnit);
    if (!damaged && (isExhausted() || sawBadCode || sawWrongMarker())) {
      damaged = true;
      if (!partial) return describeDamage(p, row * picture.vMax * picture.side);
    }
    if (!damaged) picture.rowsDecoded = min((row + 1) * picture.vMax * picture.side, picture.height);
    if (wanted) finishUnitRow();
    noteWork(rowBytes);
  }
  return Status.Ok;
}

/** One row of units; those before `first` and from `end` on are skipped. */
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

/** Skips a unit: only code lengths and DC values are decoded. */
function skipUnit(p: u32): u32 {
  const end = unitBlocks + <usize>unitBlockCount * UNIT_BLOCK_BYTES;
  for (let at = unitBlocks; at < end; at += UNIT_BLOCK_BYTES)
    p = skipBlock(changetype<UnitBlock>(at).owner, p);
  noticeEnd(p);
  return p;
}

/** A unit without data: mid-gray, as in libjpeg. */
function grayUnit(): void {
  v128.store(block, i64x2.splat(0));
  const end = unitBlocks + <usize>unitBlockCount * UNIT_BLOCK_BYTES;
  for (let at = unitBlocks; at < end; at += UNIT_BLOCK_BYTES) {
    const entry = changetype<UnitBlock>(at);
    transformBlock(entry.owner, block, block, entry.target, 0);
    entry.target += entry.step;
  }
}
