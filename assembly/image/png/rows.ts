// Rows: filtered rows of samples as they come out of the compressed data → RGB pixels in their places. Interlaced
// pictures (Adam7) arrive as seven smaller ones.

import { fail, reserve } from "../call";
import { Region, Status } from "../contract";
import { picture } from "../jpeg/picture";
import { ColorType, palette, png } from "./chunks";

/** Columns and rows where a pass begins, and its steps: x, y, dx, dy of the seven passes. */
const PASSES: usize = memory.data<u8>([
  0, 0, 8, 8, 4, 0, 8, 8, 0, 4, 4, 8, 2, 0, 4, 4, 0, 2, 2, 4, 1, 0, 2, 2, 0, 1, 1, 2,
]);
/** Vector code reads and writes this far around a row. */
const MARGIN: usize = 64;

let target: usize = 0;
let current: usize = 0;
let previous: usize = 0;
/** Bytes of `current` that have arrived; its first is the filter. */
let filled: usize = 0;
let rowBytes: usize = 0;
let pixelBytes: usize = 0;
let passStep: u32 = 0;
let left: u32 = 0;
let stepX: u32 = 1;
let stepY: u32 = 1;
let passWidth: u32 = 0;
let y: u32 = 0;
let isDone: bool = false;

function bitsPerPixel(): u32 {
  return png.depth * png.samples;
}

function bytesOfRow(width: u32): u64 {
  return (<u64>width * <u64>bitsPerPixel() + 7) >> 3;
}

function pass(index: u32, part: u32): u32 {
  return <u32>load<u8>(PASSES + ((<usize>index) << 2) + part);
}

/** Pixels of a pass along one axis of `size`. */
function passSize(size: u32, first: u32, step: u32): u32 {
  return size > first ? (size - first + step - 1) / step : 0;
}

/** Bytes that the compressed data must expand to. */
export function neededBytes(): u64 {
  if (!png.interlaced) return (bytesOfRow(picture.width) + 1) * <u64>picture.height;
  let total: u64 = 0;
  for (let i: u32 = 0; i < 7; i++) {
    const across = passSize(picture.width, pass(i, 0), pass(i, 2));
    const down = passSize(picture.height, pass(i, 1), pass(i, 3));
    if (across > 0) total += (bytesOfRow(across) + 1) * <u64>down;
  }
  return total;
}

/** Reserves two rows. The picture goes to `pixels`, u8 [height, width, 3]. */
export function startRows(pixels: usize): Status {
  const most = bytesOfRow(picture.width) + 1 + 2 * MARGIN;
  const rows = most < 1 << 30 ? reserve(Region.Planes, <usize>most * 2) : 0;
  if (rows === 0) return fail(Status.OutOfMemory, 0);
  target = pixels;
  current = rows + MARGIN;
  previous = current + <usize>most;
  pixelBytes = max(bitsPerPixel() >> 3, 1);
  isDone = false;
  passStep = 0;
  if (png.interlaced) startPass();
  else {
    left = 0;
    y = 0;
    stepX = 1;
    stepY = 1;
    passWidth = picture.width;
    startRow(true);
  }
  return Status.Ok;
}

/** Goes to the first pass from `passStep` on that has pixels. */
function startPass(): void {
  for (; passStep < 7; passStep++) {
    left = pass(passStep, 0);
    y = pass(passStep, 1);
    stepX = pass(passStep, 2);
    stepY = pass(passStep, 3);
    passWidth = passSize(picture.width, left, stepX);
    if (passWidth === 0 || y >= picture.height) continue;
    startRow(true);
    return;
  }
  isDone = true;
}

function startRow(first: bool): void {
  filled = 0;
  if (!first) {
    const rows = current;
    current = previous;
    previous = rows;
    return;
  }
  rowBytes = <usize>bytesOfRow(passWidth);
  memory.fill(previous, 0, rowBytes + 1);
}

/** Rows of the picture from the top that are complete. */
export function completeRows(): u32 {
  if (isDone) return picture.height;
  return !png.interlaced ? y : passStep < 6 ? 0 : y;
}

/** Takes the next `bytes` bytes of the data; false for a row with an unknown filter. */
export function takeRowBytes(from: usize, bytes: usize): bool {
  const end = from + bytes;
  while (from < end && !isDone) {
    const part = min(end - from, rowBytes + 1 - filled);
    memory.copy(current + filled, from, part);
    from += part;
    filled += part;
    if (filled <= rowBytes) return true;
    if (!unfilter()) return false;
    writeRow();
    y += stepY;
    if (y < picture.height) startRow(false);
    else if (png.interlaced) {
      passStep++;
      startPass();
    } else isDone = true;
  }
  return true;
}

/** Adds what the row's filter predicted, from the pixel to the left and the row above. */
function unfilter(): bool {
  const kind = load<u8>(current);
  const row = current + 1;
  const above = previous + 1;
  const end = row + rowBytes;
  const distance = pixelBytes;
  if (kind === 0) return true;
  if (kind === 1) {
    for (let at = row + distance; at < end; at++) store<u8>(at, load<u8>(at) + load<u8>(at - distance));
    return true;
  }
  if (kind === 2) {
    let at: usize = 0;
    for (; at + 16 <= rowBytes; at += 16)
      v128.store(row + at, i8x16.add(v128.load(row + at), v128.load(above + at)));
    for (; at < rowBytes; at++) store<u8>(row + at, load<u8>(row + at) + load<u8>(above + at));
    return true;
  }
  if (kind === 3) {
    for (let at: usize = 0; at < rowBytes; at++) {
      const before = at < distance ? 0 : <u32>load<u8>(row + at - distance);
      store<u8>(row + at, <u32>load<u8>(row + at) + ((before + <u32>load<u8>(above + at)) >> 1));
    }
    return true;
  }
  if (kind !== 4) return false;
  for (let at: usize = 0; at < min(distance, rowBytes); at++)
    store<u8>(row + at, load<u8>(row + at) + load<u8>(above + at));
  for (let at = distance; at < rowBytes; at++) {
    const a = <i32>load<u8>(row + at - distance);
    const b = <i32>load<u8>(above + at);
    const c = <i32>load<u8>(above + at - distance);
    const toB = b - c;
    const toA = a - c;
    // |p − a|, |p − b|, |p − c| of p = a + b − c.
    const distanceA = abs(toB);
    const distanceB = abs(toA);
    const distanceC = abs(toA + toB);
    let nearest = select(b, c, distanceB <= distanceC);
    nearest = select(a, nearest, distanceA <= min(distanceB, distanceC));
    store<u8>(row + at, <i32>load<u8>(row + at) + nearest);
  }
  return true;
}

/** Writes the row's pixels; samples of 16 bits keep their high byte. */
function writeRow(): void {
  const row = current + 1;
  const wide = png.depth === 16;
  let to = target + (<usize>y * <usize>picture.width + <usize>left) * 3;
  const step = <usize>stepX * 3;
  const end = to + <usize>passWidth * step;
  if (png.color === ColorType.Rgb || png.color === ColorType.Rgba) {
    if (png.color === ColorType.Rgb && !wide && stepX === 1) {
      memory.copy(to, row, <usize>passWidth * 3);
      return;
    }
    const sample: usize = wide ? 2 : 1;
    for (let at = row; to < end; to += step, at += pixelBytes) {
      store<u8>(to, load<u8>(at));
      store<u8>(to, load<u8>(at + sample), 1);
      store<u8>(to, load<u8>(at + 2 * sample), 2);
    }
  } else if (png.color === ColorType.Palette) {
    for (let i: u32 = 0; to < end; to += step, i++) {
      const color = load<u32>(palette + ((<usize>Sample.read(row, i)) << 2));
      store<u16>(to, <u16>color);
      store<u8>(to, <u8>(color >> 16), 2);
    }
  } else if (png.depth >= 8) {
    for (let at = row; to < end; to += step, at += pixelBytes) Sample.writeGray(to, <u32>load<u8>(at));
  } else {
    const scale: u32 = png.depth === 1 ? 255 : png.depth === 2 ? 85 : 17;
    for (let i: u32 = 0; to < end; to += step, i++) Sample.writeGray(to, Sample.read(row, i) * scale);
  }
}

class Sample {
  @inline static writeGray(to: usize, value: u32): void {
    store<u16>(to, value | (value << 8));
    store<u8>(to, value, 2);
  }

  /** Sample `i` of a row of 1, 2, 4 or 8 bits each; the first has the highest bits. */
  @inline static read(row: usize, i: u32): u32 {
    const depth = png.depth;
    const bit = <usize>i * <usize>depth;
    return (<u32>load<u8>(row + (bit >> 3)) >> (8 - depth - (<u32>bit & 7))) & ((1 << depth) - 1);
  }
}
