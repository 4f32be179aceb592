// Planes: the samples of one row of minimum coded units, and of the two rows of samples above it.
//
//   Region.Planes, for each component:   2 rows   the end of the previous unit row
//                                        8·v rows the current unit row (fewer in a smaller result)
//
// Rows have 16 bytes of padding before and 32 after them, which filters may overwrite. Rows of RGB are written as soon
// as the samples below them are decoded, so the working set of a decode stays in the cache at any size of picture.

import { assertReserved, reserve } from "../call";
import { Region } from "../contract";
import { applyBlack, rowFromGray, rowFromRgb, rowFromYCbCr } from "./color";
import { ColorSpace, component, picture, Upsampling } from "./picture";
import { finishRows, nextRowAddress, reserveRows } from "./strip";
import { replicateAcross, upsampleAcross, upsampleBoth, upsampleDown } from "./upsample";
import { rowFromHalves } from "./upsample-color";
import { window } from "./window";

const CONTEXT_ROWS: u32 = 2;
const PAD_BEFORE: usize = 16;
const PAD_AFTER: usize = 32;

/** Rows with one sample per pixel for up to four components, then two rows of column sums. */
let fullRows: usize = 0;
let fullRowBytes: usize = 0;
let fromHalves: bool = false;
/** First output row that has not been written yet, and the current unit row. */
let nextRow: u32 = 0;
let unitRow: u32 = 0;

/** Reserves the planes and the window's rows of RGB (see strip.ts); false if they do not fit into memory. */
export function reservePlanes(handOver: bool): bool {
  let bytes: usize = 0;
  for (let i: u32 = 0; i < picture.componentCount; i++) {
    const c = component(i);
    c.stride = <usize>(picture.mcusAcross * c.h * c.side) + PAD_BEFORE + PAD_AFTER;
    bytes += c.stride * <usize>(c.v * c.side + CONTEXT_ROWS);
  }
  fullRowBytes = (<usize>(picture.mcusAcross * picture.hMax * picture.side) + 127) & ~63;
  const start = reserve(Region.Planes, bytes + fullRowBytes * <usize>(picture.componentCount + 2));
  if (start === 0) return false;
  const step = picture.vMax * picture.side + 1;
  if (!reserveRows(<usize>window.width * 3, window.height, step, handOver)) return false;
  let at = start + PAD_BEFORE;
  for (let i: u32 = 0; i < picture.componentCount; i++) {
    const c = component(i);
    c.plane = at + c.stride * CONTEXT_ROWS;
    at += c.stride * <usize>(c.v * c.side + CONTEXT_ROWS);
  }
  fullRows = (at + 63) & ~63;
  fromHalves = hasHalves();
  nextRow = window.top;
  unitRow = window.firstRow;
  return true;
}

/** The planes hold a unit row: writes every RGB row that needs no row below them, and keeps the context of the next. */
export function finishUnitRow(): void {
  const last = unitRow + 1 === picture.mcusDown;
  let ready = (unitRow + 1) * picture.vMax * picture.side;
  if (picture.needsContext && !last) ready -= 1;
  ready = min(ready, window.top + window.height);
  const rowBytes = <usize>window.width * 3;
  let to = nextRowAddress();
  for (; nextRow < ready; nextRow++, to += rowBytes) writeRow(nextRow, to);
  finishRows(to, nextRow === window.top + window.height);
  unitRow++;
  if (picture.needsContext && unitRow < window.endRow) keepContext();
}

/** The last two rows of each plane become the two above the next unit row. */
function keepContext(): void {
  for (let i: u32 = 0; i < picture.componentCount; i++) {
    const c = component(i);
    const bytes = c.stride * CONTEXT_ROWS;
    const start = c.plane - PAD_BEFORE;
    memory.copy(start - bytes, start + c.stride * <usize>(c.v * c.side) - bytes, bytes);
  }
}

function writeRow(row: u32, to: usize): void {
  if (!ASC_NO_ASSERT) {
    assert(row >= window.top && row < window.top + window.height, "a row outside the window");
    assertReserved(to, <usize>window.width * 3);
  }
  if (fromHalves) {
    writeRowFromHalves(row, to);
    return;
  }
  const first = fullRow(0, row);
  if (picture.colorSpace === ColorSpace.Gray) {
    rowFromGray(first, to, window.width);
    return;
  }
  const second = fullRow(1, row);
  const third = fullRow(2, row);
  const space = picture.colorSpace;
  if (space === ColorSpace.Rgb || space === ColorSpace.Cmyk)
    rowFromRgb(first, second, third, to, window.width);
  else rowFromYCbCr(first, second, third, to, window.width);
  if (space === ColorSpace.Cmyk || space === ColorSpace.Ycck)
    applyBlack(fullRow(3, row), to, window.width, space === ColorSpace.Ycck);
}

/** True if chroma is subsampled 2:1 both ways and interpolated, which is the case that upsample-color.ts handles. */
function hasHalves(): bool {
  return (
    picture.colorSpace === ColorSpace.YCbCr &&
    component(0).upsampling === Upsampling.Full &&
    component(1).upsampling === Upsampling.FancyBoth &&
    component(2).upsampling === Upsampling.FancyBoth
  );
}

/** Makes pairs of pixels: if the window begins with the second of a pair, the first is written before it and undone. */
function writeRowFromHalves(row: u32, to: usize): void {
  const odd = window.left & 1;
  const first = <usize>(window.left >> 1);
  const count = (window.width + odd + 1) >> 1;
  const near = row >> 1;
  const far = neighborRow(row, component(1).height);
  const cbNear = edgedRow(1, near);
  const cbFar = edgedRow(1, far);
  const crNear = edgedRow(2, near);
  const crFar = edgedRow(2, far);
  const luma = sampleRow(0, row) + (first << 1);
  const before = load<u32>(to - 4);
  const start = to - 3 * odd;
  rowFromHalves(
    luma,
    cbNear + first,
    cbFar + first,
    crNear + first,
    crFar + first,
    start,
    count,
    columnSums(),
  );
  store<u32>(to - 4, before);
}

function edgedRow(index: u32, j: u32): usize {
  const row = sampleRow(index, j);
  repeatEdges(row, component(index).width);
  return row;
}

/** Address of the column sums of two components. */
function columnSums(): usize {
  return fullRows + <usize>picture.componentCount * fullRowBytes;
}

/** Address of the window's first pixel in row `y` of component `index`, one sample per pixel. */
function fullRow(index: u32, y: u32): usize {
  const c = component(index);
  const near = sampleRow(index, y / c.spanY);
  if (c.spanX === 1 && c.upsampling !== Upsampling.FancyDown) return near + <usize>window.left;
  const row = fullRows + <usize>index * fullRowBytes;
  const first = window.left / c.spanX;
  const count = (window.left + window.width - 1) / c.spanX + 1 - first;
  const from = near + <usize>first;
  const to = row + <usize>(first * c.spanX);
  switch (c.upsampling) {
    case Upsampling.FancyAcross:
      repeatEdges(near, c.width);
      upsampleAcross(from, to, count);
      break;
    case Upsampling.FancyDown:
      upsampleDown(
        from,
        sampleRow(index, neighborRow(y, c.height)) + <usize>first,
        to,
        count,
        (y & 1) === 0 ? 1 : 2,
      );
      break;
    case Upsampling.FancyBoth: {
      const far = edgedRow(index, neighborRow(y, c.height));
      repeatEdges(near, c.width);
      upsampleBoth(from, far + <usize>first, to, count, columnSums());
      break;
    }
    default:
      replicateAcross(from, to, count, c.spanX);
  }
  return row + <usize>window.left;
}

/** Beyond the picture's edges, the edge samples are repeated. */
function repeatEdges(row: usize, width: u32): void {
  store<u8>(row - 1, load<u8>(row));
  store<u8>(row + <usize>width, load<u8>(row + <usize>width - 1));
}

/** The other sample row that output row y mixes in: above for even rows, below for odd ones, clamped to the picture. */
function neighborRow(y: u32, height: u32): u32 {
  const near = y >> 1;
  if ((y & 1) === 0) return near === 0 ? 0 : near - 1;
  return min(near + 1, height - 1);
}

/** Address of sample row j, which must be in the planes. */
function sampleRow(index: u32, j: u32): usize {
  const c = component(index);
  if (!ASC_NO_ASSERT) {
    const below = j + CONTEXT_ROWS >= unitRow * c.v * c.side;
    assert(below && j < (unitRow + 1) * c.v * c.side, "a sample row that is not in the planes");
  }
  return c.plane + c.stride * (<usize>j - <usize>(unitRow * c.v * c.side));
}
