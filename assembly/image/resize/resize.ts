// Resize: Pillow's Image.resize on RGB bytes, byte for byte. The horizontal pass comes first, rounded to bytes, then
// the vertical one.
//
// A window of the result can be requested (the center crop of an evaluation transform): its pixels equal those of the
// whole result, and the rest is never computed. A crop before the resize is a source address and a stride; neighbors
// outside the crop do not contribute.

import { fail, regionStart, reserve } from "../call";
import { Filter, Region, Status } from "../contract";
import { horizontalPass, horizontalScalar } from "./horizontal";
import { verticalPass, verticalScalar } from "./vertical";
import { entryBytes, fillTable, pairCapacity, tableBytes } from "./weights";

/** Limit for the input and the window, which keeps a table below 64 MiB. */
const LARGEST_SIDE: i32 = 1 << 20;
/** Limit for the whole result, of which only a window may be computed. */
const LARGEST_FULL_SIDE: i32 = 1 << 26;

/** The next resize: set by `resizeFrom`, `resizeTo`, `resizeWindow`, `resizeBox`; run by `resizePixels`. */
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

/** Sets the size of the whole result and resets the window to all of it. */
export function resizeTo(outWidth: i32, outHeight: i32): void {
  fullWidth = windowWidth = outWidth;
  fullHeight = windowHeight = outHeight;
  windowLeft = windowTop = 0;
}

/** Sets the part of the result to compute. */
export function resizeWindow(left: i32, top: i32, outWidth: i32, outHeight: i32): void {
  windowLeft = left;
  windowTop = top;
  windowWidth = outWidth;
  windowHeight = outHeight;
}

/** Pillow's `box`: the part of the input (fractions allowed) that fills the result; pixels around it contribute. */
export function resizeBox(left: f32, top: f32, right: f32, bottom: f32): void {
  boxLeft = left;
  boxTop = top;
  boxRight = right;
  boxBottom = bottom;
  boxed = true;
}

/**
 * Runs the resize that was set up into `target`, u8 [window height, window width, 3]. `mirror` flips the result left to
 * right; `scalar` runs the scalar reference. Nearest supports neither a window nor `mirror`.
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
  // If only the height changes, the horizontal pass copies (its weights are 0 and 1), into a buffer where the vertical
  // pass may read one row beyond the last.
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

/**
 * Nearest: each output pixel is a copy of one input pixel. Pillow: ImagingScaleAffine, which accumulates positions step
 * by step; that rounds differently from a product.
 */
function resizeNearest(
  source: usize,
  sourceStride: usize,
  width: i32,
  height: i32,
  left: f64,
  top: f64,
  right: f64,
  bottom: f64,
  outWidth: i32,
  outHeight: i32,
  target: usize,
  targetStride: usize,
): void {
  const stepX = (right - left) / <f64>outWidth;
  const stepY = (bottom - top) / <f64>outHeight;
  let y = top + stepY * 0.5;
  for (let row = 0; row < outHeight; row++) {
    const from = source + <usize>min(<i32>y, height - 1) * sourceStride;
    let out = target + <usize>row * targetStride;
    let x = left + stepX * 0.5;
    for (let column = 0; column < outWidth; column++) {
      const pixel = from + <usize>min(<i32>x, width - 1) * 3;
      store<u16>(out, load<u16>(pixel));
      store<u8>(out, load<u8>(pixel, 2), 2);
      out += 3;
      x += stepX;
    }
    y += stepY;
  }
}

/**
 * Region.Rgb, u8 [height, width, 3] → Region.Output, u8 [outHeight, outWidth, 3]; the box (left, top, right, bottom) is
 * the part of the input that fills the result. `scalar` runs the scalar reference of the vector passes.
 */
export function resizePicture(
  width: i32,
  height: i32,
  left: f32,
  top: f32,
  right: f32,
  bottom: f32,
  outWidth: i32,
  outHeight: i32,
  filter: Filter,
  scalar: bool,
): Status {
  const stride = <usize>outWidth * 3;
  const output = reserve(Region.Output, stride * <usize>outHeight);
  if (output === 0) return fail(Status.OutOfMemory, 0);
  resizeFrom(regionStart(Region.Rgb), <usize>width * 3, width, height);
  resizeTo(outWidth, outHeight);
  if (left !== 0 || top !== 0 || right !== <f32>width || bottom !== <f32>height)
    resizeBox(left, top, right, bottom);
  return resizePixels(output, stride, filter, false, scalar);
}
