// Block product: a block of A that fits the second-level cache times panels of B, by the register block that is
// fastest.
//
// c [height, width] = from [height, width] + a [height, k] · panels; panels as pack.ts lays them out. Panels outside,
// strips of rows inside: a panel stays in the first-level cache while all strips read it.

import {
  rows1x8,
  rows1x16,
  rows2x8,
  rows2x16,
  rows3x8,
  rows3x16,
  rows4x8,
  rows4x16,
  rows5x8,
  rows5x16,
  rows6x8,
  rows6x16,
} from "./generated/micro-kernel";
import { widthOfPanel } from "./pack";
import { tile } from "./scratch";
import { loadTail, storeTail } from "./simd";

/** Most rows of a register block that micro-kernel.ts has. */
const MAX_ROWS: u32 = 6;
/** Columns of a panel of B. */
const NARROW: usize = 8;
const WIDE: usize = 16;
/** The register block; which one is fastest depends on the engine's register allocation (see setBlock). */
let blockRows: usize = 4;
let panelColumns: usize = NARROW;

/**
 * Chooses the register block: 1 to 6 rows, 8 or 16 columns; other numbers are ignored. It changes no bit, only the
 * speed: a block that spills its sums runs at half speed, and which ones do differs between versions of V8 (see
 * runtime/executors/wasm/calibrate.ts).
 */
export function setBlock(rows: u32, columns: u32): void {
  if (rows === 0 || rows > MAX_ROWS || (columns !== <u32>NARROW && columns !== <u32>WIDE)) return;
  blockRows = <usize>rows;
  panelColumns = <usize>columns;
}

/** Bytes of a panel: leaves room for A in a first-level cache of 32 KiB. */
const PANEL_BYTES: usize = 24 * 1024;
/** Initial value of sums that start from zero. */
const ZEROS: usize = memory.data(64, 16);

/** Rows of the register block. */
export function rowsOfBlock(): usize {
  return blockRows;
}

/** Columns of a panel. */
export function columnsOfPanel(): usize {
  return panelColumns;
}

/** Steps of k that a panel holds. */
export function stepsOfPanel(): usize {
  return PANEL_BYTES / (panelColumns << 2);
}

/** from = 0: sums start from zero; fromStride 0: every row starts from the same one, a bias. c may be `from` itself. */
export function multiplyBlock(
  a: usize,
  aStride: usize,
  height: usize,
  width: usize,
  panels: usize,
  k: usize,
  c: usize,
  cStride: usize,
  from: usize,
  fromStride: usize,
): void {
  const strip = blockRows;
  const rest = height % strip;
  const whole = height - rest;
  let panel = panels;
  let column: usize = 0;
  while (column < width) {
    const panelWidth = widthOfPanel(width - column, panelColumns);
    const columns = min(panelWidth, width - column);
    const full = kernelIndex(strip, panelWidth);
    const partial = kernelIndex(rest, panelWidth);
    const offset = column << 2;
    let to = c + offset;
    let begin = from ? from + offset : ZEROS;
    for (let row: usize = 0; row < height; row += strip) {
      const left = a + row * aStride;
      const kernel = row < whole ? full : partial;
      if (columns === panelWidth) {
        call_indirect<void>(kernel, left, aStride, panel, k, to, cStride, begin, fromStride);
      } else {
        const rows = row < whole ? strip : rest;
        partialTile(
          kernel,
          rows,
          panelWidth << 2,
          columns,
          left,
          aStride,
          panel,
          k,
          to,
          cStride,
          begin,
          fromStride,
        );
      }
      to += strip * cStride;
      begin += strip * fromStride;
    }
    panel += k * (panelWidth << 2);
    column += panelWidth;
  }
}

/**
 * Index of a register block's function in the table. Called through it, each block stays a function of its own: asc
 * would inline them here, and V8 allocates registers for a whole function at a time.
 */
function kernelIndex(rows: usize, columns: usize): u32 {
  if (columns === WIDE) {
    if (rows === 6) return rows6x16.index;
    if (rows === 5) return rows5x16.index;
    if (rows === 4) return rows4x16.index;
    if (rows === 3) return rows3x16.index;
    if (rows === 2) return rows2x16.index;
    return rows1x16.index;
  }
  if (rows === 6) return rows6x8.index;
  if (rows === 5) return rows5x8.index;
  if (rows === 4) return rows4x8.index;
  if (rows === 3) return rows3x8.index;
  if (rows === 2) return rows2x8.index;
  return rows1x8.index;
}

/** A tile of fewer columns than its panel: computed whole in scratch, then copied. */
function partialTile(
  kernel: u32,
  rows: usize,
  stride: usize,
  columns: usize,
  a: usize,
  aStride: usize,
  panel: usize,
  k: usize,
  c: usize,
  cStride: usize,
  from: usize,
  fromStride: usize,
): void {
  const whole = tile();
  const zeros = from === ZEROS;
  if (!zeros) copyRows(from, fromStride, whole, stride, rows, columns);
  const begin = zeros ? from : whole;
  call_indirect<void>(kernel, a, aStride, panel, k, whole, stride, begin, zeros ? fromStride : stride);
  copyRows(whole, stride, c, cStride, rows, columns);
}

/** A few values per row, for which a call of memory.copy takes longer. */
function copyRows(
  from: usize,
  fromStride: usize,
  to: usize,
  toStride: usize,
  rows: usize,
  columns: usize,
): void {
  const whole = (columns & ~3) << 2;
  const tail = columns & 3;
  for (let i: usize = 0; i < rows; i++) {
    for (let j: usize = 0; j < whole; j += 16) v128.store(to + j, v128.load(from + j));
    if (tail) storeTail(to + whole, loadTail(from + whole, tail, 0), tail);
    from += fromStride;
    to += toStride;
  }
}
