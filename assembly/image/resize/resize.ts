// Resize: Pillow's Image.resize on RGB bytes, byte for byte. Horizontal pass first, rounded to bytes, then vertical.
//
// Only a window of the result may be asked for (the center crop of an evaluation transform): its pixels are those of
// the whole, the rest is never computed. A crop before the resize is a source address and a stride: neighbors outside
// of the crop are not seen.

import { reserve } from "../memory";
import { fail } from "../outcome";
import { Region } from "../regions";
import { Status } from "../status";
import { Filter } from "./filter";
import { horizontalPass } from "./horizontal";
import { resizeNearest } from "./nearest";
import { horizontalScalar, verticalScalar } from "./passes-scalar";
import { entryBytes, fillTable, pairCapacity, tableBytes } from "./tables";
import { verticalPass } from "./vertical";

/** Of the input and of the window; a table then stays below 64 MiB. */
const LARGEST_SIDE: i32 = 1 << 20;
/** Of the whole result, of which only a window need be made. */
const LARGEST_FULL_SIDE: i32 = 1 << 26;

/** The resize to come: set by `resizeFrom`, `resizeTo`, `resizeWindow`, `resizeBox`; done by `resizePixels`. */
let source: usize = 0;
let sourceStride: usize = 0;
let width: i32 = 0;
let height: i32 = 0;
let fullWidth: i32 = 0;
let fullHeight: i32 = 0;
let windowLeft: i32 = 0;
let windowTop: i32 = 0;
let windowWidth: i32 = 0;
let windowHeight: i32 = 0;
let boxLeft: f32 = 0;
let boxTop: f32 = 0;
let boxRight: f32 = 0;
let boxBottom: f32 = 0;
let boxed: bool = false;

/** Input u8 [height, width, 3], rows `stride` bytes apart. */
export function resizeFrom(pixels: usize, stride: usize, inWidth: i32, inHeight: i32): void {
  source = pixels;
  sourceStride = stride;
  width = inWidth;
  height = inHeight;
  boxLeft = boxTop = 0;
  boxRight = <f32>inWidth;
  boxBottom = <f32>inHeight;
  boxed = false;
}

/** Size of the whole result; the window becomes all of it. */
export function resizeTo(outWidth: i32, outHeight: i32): void {
  fullWidth = windowWidth = outWidth;
  fullHeight = windowHeight = outHeight;
  windowLeft = windowTop = 0;
}

/** The part of the result that is wanted. */
export function resizeWindow(left: i32, top: i32, outWidth: i32, outHeight: i32): void {
  windowLeft = left;
  windowTop = top;
  windowWidth = outWidth;
  windowHeight = outHeight;
}

/** Pillow's `box`: the part of the input (fractions allowed) that fills the result; pixels around it are seen. */
export function resizeBox(left: f32, top: f32, right: f32, bottom: f32): void {
  boxLeft = left;
  boxTop = top;
  boxRight = right;
  boxBottom = bottom;
  boxed = true;
}

/**
 * Does the resize that was set up into `target`, u8 [window height, window width, 3]. `mirror` flips the result left to
 * right; `scalar` runs the twin passes. Nearest knows no window and no mirror.
 */
export function resizePixels(
  target: usize,
  targetStride: usize,
  filter: Filter,
  mirror: bool,
  scalar: bool,
): Status {
  const status = requireSides();
  if (status !== Status.Ok) return status;
  if (filter === Filter.Nearest) {
    resizeNearest(
      source,
      sourceStride,
      width,
      height,
      <f64>boxLeft,
      <f64>boxTop,
      <f64>boxRight,
      <f64>boxBottom,
      fullWidth,
      fullHeight,
      target,
      targetStride,
    );
    return Status.Ok;
  }
  const vertical = boxed || height !== fullHeight || windowHeight !== fullHeight;
  // Where only the height changes, the horizontal pass copies (its weights are 0 and 1), into rows that the vertical
  // pass may read one beyond the last.
  const horizontal = vertical || mirror || width !== fullWidth || windowWidth !== fullWidth;
  return twoPasses(target, targetStride, filter, horizontal, vertical, mirror, scalar);
}

function requireSides(): Status {
  const largest = max(max(width, height), max(windowWidth, windowHeight));
  const full = max(fullWidth, fullHeight);
  const smallest = min(min(width, height), min(windowWidth, windowHeight));
  if (largest > LARGEST_SIDE || smallest < 1)
    return fail(Status.BadArgument, 0, <f64>(smallest < 1 ? smallest : largest), <f64>LARGEST_SIDE);
  if (full > LARGEST_FULL_SIDE) return fail(Status.BadArgument, 0, <f64>full, <f64>LARGEST_FULL_SIDE);
  return Status.Ok;
}

function twoPasses(
  target: usize,
  targetStride: usize,
  filter: Filter,
  horizontal: bool,
  vertical: bool,
  mirror: bool,
  scalar: bool,
): Status {
  const spanX = <f64>(boxRight - boxLeft);
  const spanY = <f64>(boxBottom - boxTop);
  const bytesX = (tableBytes(spanX, fullWidth, windowWidth, filter) + 15) & ~15;
  const bytesY = tableBytes(spanY, fullHeight, windowHeight, filter);
  const tableX = reserve(Region.ResizeTables, bytesX + bytesY);
  if (tableX === 0) return fail(Status.OutOfMemory, 0);
  const tableY = tableX + bytesX;
  const pairsX = pairCapacity(spanX, fullWidth, filter);
  const pairsY = pairCapacity(spanY, fullHeight, filter);
  const bytes = <usize>windowWidth * 3;

  let rows = source;
  let rowsStride = sourceStride;
  let firstRow = 0;
  let rowCount = height;
  if (vertical) {
    fillTable(tableY, height, boxTop, boxBottom, fullHeight, windowTop, windowHeight, filter, false);
    const last = tableY + <usize>(windowHeight - 1) * entryBytes(pairsY);
    firstRow = <i32>load<u32>(tableY);
    rowCount = min(<i32>(load<u32>(last) + (load<u32>(last, 4) << 1)), height) - firstRow;
    rows += <usize>firstRow * sourceStride;
  }
  if (horizontal) {
    fillTable(tableX, width, boxLeft, boxRight, fullWidth, windowLeft, windowWidth, filter, mirror);
    const rowBytes = <u64>(rowCount + 1) * <u64>bytes;
    if (rowBytes > <u64>i32.MAX_VALUE) return fail(Status.OutOfMemory, 0);
    const out = vertical ? reserve(Region.ResizeRows, <usize>rowBytes) : target;
    if (out === 0) return fail(Status.OutOfMemory, 0);
    const outStride = vertical ? bytes : targetStride;
    if (scalar) horizontalScalar(rows, sourceStride, rowCount, tableX, pairsX, windowWidth, out, outStride);
    else horizontalPass(rows, sourceStride, rowCount, tableX, pairsX, windowWidth, out, outStride);
    rows = out;
    rowsStride = outStride;
  }
  if (vertical) {
    if (scalar)
      verticalScalar(rows, rowsStride, firstRow, tableY, pairsY, windowHeight, bytes, target, targetStride);
    else verticalPass(rows, rowsStride, firstRow, tableY, pairsY, windowHeight, bytes, target, targetStride);
  } else if (!horizontal) {
    for (let y = 0; y < height; y++)
      memory.copy(target + <usize>y * targetStride, rows + <usize>y * rowsStride, bytes);
  }
  return Status.Ok;
}
