// Buffered scans: progressive frames, and sequential ones whose components come in separate scans. Every scan adds to
// the coefficients of the whole picture; they are transformed after the last scan.

import { fail } from "../call";
import { Status } from "../contract";
import { noteWork } from "../interruption";
import { reserveBits, segmentEnd } from "./bits";
import { noteGoodRow, notePrecision, resetPrecision } from "./block-smoothing";
import { BLOCK_BYTES, blockAt, reserveCoefficients, transformCoefficients } from "./coefficients";
import { clearBadCode, sawBadCode } from "./huffman-lookup";
import { continueAt, fileEnd, offsetOf, readSegments, Stop, scanDataStart, stoppedAt } from "./markers";
import { Component, component, picture } from "./picture";
import { reservePlanes } from "./planes";
import {
  beginBand,
  decodeAcFirst,
  decodeDcFirst,
  refineAc,
  refineDc,
  restartBand,
} from "./progressive-block";
import { beginScan, beginUnit, describeDamage, isExhausted, noticeEnd, sawWrongMarker } from "./restart";
import {
  readScanHeader,
  ScanKind,
  scanBit,
  scanComponentCount,
  scanComponentIndex,
  scanFirst,
  scanKind,
  scanLast,
} from "./scan-header";
import { block, decodeBlock } from "./sequential-block";

/**
 * Limit on the work of all scans together, about a second's worth, against files that repeat nearly empty scans: a
 * visit to a block counts 1, to one whose 63 coefficients may be refined 8, and building a scan's tables counts
 * SCAN_WORK. A picture of 64 megapixels in 4:4:4 has 3 million blocks; its usual ten scans take a third of the limit.
 */
const MAX_WORK: u64 = 1 << 28;
const REFINEMENT_WORK: u64 = 8;
const SCAN_WORK: u64 = 4096;

/** Decodes from the scan at which reading stopped to the end of the file. */
export function decodeBufferedScans(partial: bool, handOver: bool): Status {
  const from = scanDataStart();
  if (!reserveBits(fileEnd() - from) || !reservePlanes(handOver) || !reserveCoefficients())
    return fail(Status.OutOfMemory, offsetOf(from));
  picture.rowsDecoded = picture.height;
  resetPrecision();
  const status = readAllScans(partial);
  if (status !== Status.Ok && !partial) return status;
  transformCoefficients();
  return Status.Ok;
}

function readAllScans(partial: bool): Status {
  let work: u64 = 0;
  let scans: u32 = 0;
  while (true) {
    scans++;
    work += workOfScan();
    if (work > MAX_WORK) return fail(Status.TooManyScans, offsetOf(scanDataStart()), scans);
    let status = decodeScan(partial);
    if (status !== Status.Ok) return status;
    continueAt(segmentEnd);
    status = readSegments(false);
    if (status !== Status.Ok) return status;
    if (stoppedAt() === Stop.End) return Status.Ok;
    // A progressive file without an end marker may have lost scans; a sequential one is shown as it is.
    if (stoppedAt() === Stop.FileEnd)
      return picture.frame === 0xc2
        ? fail(Status.Truncated, offsetOf(fileEnd()), picture.height, picture.height)
        : Status.Ok;
    status = readScanHeader();
    if (status !== Status.Ok) return status;
  }
}

function workOfScan(): u64 {
  let blocks: u64 = 0;
  for (let i: u32 = 0; i < scanComponentCount(); i++) {
    const c = component(scanComponentIndex(i));
    blocks += <u64>c.blocksAcross * <u64>(picture.mcusDown * c.v);
  }
  return SCAN_WORK + blocks * (scanKind() === ScanKind.AcRefine ? REFINEMENT_WORK : 1);
}

/** One scan: interleaved units if it has several components, otherwise the blocks inside the picture, row by row. */
function decodeScan(partial: bool): Status {
  clearBadCode();
  if (scanKind() !== ScanKind.Sequential) notePrecision();
  beginScan(scanDataStart());
  beginBand(scanFirst(), scanLast(), scanBit());
  const single = scanComponentCount() === 1;
  const c = component(scanComponentIndex(0));
  const rows = single ? c.rows : picture.mcusDown;
  const columns = single ? c.columns : picture.mcusAcross;
  const rowBytes = <usize>columns * <usize>scanComponentCount() * BLOCK_BYTES;
  let p: u32 = 0;
  for (let row: u32 = 0; row < rows; row++) {
    noteWork(rowBytes);
    for (let column: u32 = 0; column < columns; column++) {
      if (beginUnit()) {
        p = 0;
        restartBand();
      }
      if (isExhausted()) continue;
      noteGoodRow(single ? row / c.declaredV : row);
      p = single ? decodeInto(c, blockAt(scanComponentIndex(0), row, column), p) : decodeUnit(row, column, p);
      noticeEnd(p);
    }
    if (isExhausted() || sawBadCode || sawWrongMarker()) {
      const intact = <u32>((<u64>row * <u64>picture.height) / <u64>rows);
      picture.rowsDecoded = min(picture.rowsDecoded, intact);
      if (!partial) return describeDamage(p, intact);
    }
  }
  return Status.Ok;
}

function decodeUnit(row: u32, column: u32, p: u32): u32 {
  for (let i: u32 = 0; i < scanComponentCount(); i++) {
    const index = scanComponentIndex(i);
    const c = component(index);
    for (let y: u32 = 0; y < c.v; y++)
      for (let x: u32 = 0; x < c.h; x++)
        p = decodeInto(c, blockAt(index, row * c.v + y, column * c.h + x), p);
  }
  return p;
}

function decodeInto(c: Component, target: usize, p: u32): u32 {
  switch (scanKind()) {
    case ScanKind.DcFirst:
      return decodeDcFirst(c, target, p);
    case ScanKind.DcRefine:
      return refineDc(target, p);
    case ScanKind.AcFirst:
      return decodeAcFirst(c, target, p);
    case ScanKind.AcRefine:
      return refineAc(c, target, p);
    default:
      p = decodeBlock(c, p);
      memory.copy(target, block, 128);
      return p;
  }
}
