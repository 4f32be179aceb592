// Direct convolution: in groups of few channels a pixel's patch is copied for almost as few products as it has values,
// so these kernels read the feature maps where they are, through a table of pixel addresses for each row.
//
// All three keep four pixels (or four outputs) times eight channels in registers: 8 sums, 2 vectors, and one value in all
// lanes, 8 multiply-adds for 6 loads. Layouts as in conv2d.ts.
//
//   forward          table [outWidth, K·K]: the pixels under the kernel; beyond the border, a pixel of zeros
//   input gradient   a pixel of x is read by the taps (ky, kx) with (y + padding − ky) and (x + padding − kx) divisible by
//                    the stride. Pixels whose coordinates leave the same rests have the same taps: one table for each rest
//   weight gradient  each tap's rows of dy and x, pixel by pixel
//
// Every result has one chain of sums: over (ky, kx, input), over (ky, kx, output), over the pixels, ascending. Threads
// take rows of pixels, or outputs in the weight gradient, and change no bit.
//
// GFLOP/s of one thread (CPU time, x64, relaxed SIMD), by patches → directly: 32 images of 16×16 in 7 groups of 8,
// forward 5.7 → 16.5, input gradient 4.3 → 15.2, weight gradient 5.0 → 23.2.

import { Shape } from "./convolution-shape";
import { fill } from "./elementwise";
import { packColumns } from "./pack";
import { PANELS_BYTES, panels, SCORES_BYTES, scores, tile } from "./scratch";
import { Float4 } from "./simd";

/** Most channels of a group on either side. */
const MAX_GROUP: usize = 32;
const BLOCK: usize = 8;
/** Pixels that go through all groups before the next, so that their inputs stay in a first-level cache; whole rows. */
const PIXELS: usize = 64;

/** Rows of this width at a time. */
function rowsTogether(width: usize): usize {
  return max<usize>(1, PIXELS / width);
}

/** Whether these kernels compute this convolution: groups of 8, 16, 24 or 32 channels whose weights fit the scratch. */
export function isDirect(shape: Shape): bool {
  const inputs = shape.groupInputs();
  const outputs = shape.groupOutputs();
  if (shape.kernel < 2 || inputs % BLOCK || outputs % BLOCK) return false;
  if (inputs > MAX_GROUP || outputs > MAX_GROUP) return false;
  const taps = <usize>(shape.kernel * shape.kernel);
  const pixels = max<usize>(<usize>shape.width, shape.outWidth()) + PIXELS;
  const channels = <usize>max(shape.inputs, shape.outputs);
  const table = (channels + pixels * taps) << 2;
  return (<usize>shape.outputs * shape.depth()) << 2 <= PANELS_BYTES && table <= SCORES_BYTES;
}

/** Zeros for pixels beyond the border, [channels]; the table of addresses follows. */
function zeros(channels: usize): usize {
  fill(scores(), channels, 0);
  return scores();
}

/** Rows of y from `first` on; a row is (image, y). */
export function forwardRows(
  x: usize,
  weight: usize,
  bias: usize,
  y: usize,
  shape: Shape,
  first: usize,
  count: usize,
): void {
  const taps = <usize>(shape.kernel * shape.kernel);
  const inputs = shape.groupInputs();
  const outputs = shape.groupOutputs();
  const outWidth = shape.outWidth();
  const outHeight = shape.outHeight();
  const yStride = (<usize>shape.outputs) << 2;
  const zero = zeros(<usize>shape.inputs);
  const table = zero + ((<usize>shape.inputs) << 2);
  const panelBytes = shape.depth() * BLOCK * 4;
  packColumns(weight, shape.depth() << 2, panels(), shape.depth(), <usize>shape.outputs, BLOCK);
  const step = rowsTogether(outWidth);
  for (let start = first; start < first + count; start += step) {
    const rows = min(step, first + count - start);
    for (let r: usize = 0; r < rows; r++) {
      const image = (start + r) / outHeight;
      const at = table + ((r * outWidth * taps) << 2);
      forwardTable(x, zero, at, shape, image, start + r - image * outHeight);
    }
    const base = y + start * outWidth * yStride;
    for (let group: usize = 0; group < <usize>shape.groups; group++) {
      const offset = (group * inputs) << 2;
      for (let o = group * outputs; o < (group + 1) * outputs; o += BLOCK) {
        const panel = panels() + (o / BLOCK) * panelBytes;
        const from = bias ? bias + (o << 2) : ZEROS;
        pixelRun(table, taps, offset, inputs << 2, panel, from, base + (o << 2), rows * outWidth, yStride);
      }
    }
  }
}

/** Eight zeros where there is no bias. */
const ZEROS: usize = memory.data(32, 16);

/** Addresses of the pixels under the kernel, [outWidth, K·K]. */
function forwardTable(x: usize, zero: usize, table: usize, shape: Shape, image: usize, row: usize): void {
  const kernel = <isize>shape.kernel;
  const height = <isize>shape.height;
  const width = <isize>shape.width;
  const pixelBytes = (<usize>shape.inputs) << 2;
  const outWidth = <isize>shape.outWidth();
  const top = <isize>(row * <usize>shape.stride) - <isize>shape.padding;
  for (let column: isize = 0; column < outWidth; column++) {
    const left = column * <isize>shape.stride - <isize>shape.padding;
    for (let ky = top; ky < top + kernel; ky++) {
      const inside = ky >= 0 && ky < height;
      const line = x + (image * <usize>height + <usize>ky) * <usize>width * pixelBytes;
      for (let kx = left; kx < left + kernel; kx++) {
        const at = inside && kx >= 0 && kx < width ? line + <usize>kx * pixelBytes : zero;
        store<u32>(table, <u32>at);
        table += 4;
      }
    }
  }
}

/** Rows of dx from `first` on; a row is (image, y). */
export function inputGradientRows(
  dy: usize,
  weight: usize,
  dx: usize,
  shape: Shape,
  first: usize,
  count: usize,
): void {
  const stride = <usize>shape.stride;
  const height = <usize>shape.height;
  const width = <usize>shape.width;
  const inputs = shape.groupInputs();
  const outputs = shape.groupOutputs();
  const xStride = (<usize>shape.inputs) << 2;
  const zero = zeros(<usize>shape.outputs);
  const table = zero + ((<usize>shape.outputs) << 2);
  for (let restY: usize = 0; restY < stride; restY++) {
    for (let restX: usize = 0; restX < stride; restX++) {
      const taps = packGradient(weight, shape, restY, restX);
      const pixels = restX < width ? (width - restX + stride - 1) / stride : 0;
      const panelBytes = taps * outputs * BLOCK * 4;
      // Rows of one rest are neighbors only at stride 1.
      const step = stride === 1 ? rowsTogether(width) : 1;
      for (let start = first; start < first + count; start += step) {
        if (stride > 1 && (start % height) % stride !== restY) continue;
        const rows = min(step, first + count - start);
        for (let r: usize = 0; r < rows; r++) {
          const image = (start + r) / height;
          const at = table + ((r * pixels * taps) << 2);
          gradientTable(dy, zero, at, shape, image, start + r - image * height, restX);
        }
        const base = dx + (start * width + restX) * xStride;
        for (let group: usize = 0; group < <usize>shape.groups; group++) {
          const offset = (group * outputs) << 2;
          for (let i = group * inputs; i < (group + 1) * inputs; i += BLOCK) {
            const panel = panels() + (i / BLOCK) * panelBytes;
            const to = base + (i << 2);
            pixelRun(table, taps, offset, outputs << 2, panel, ZEROS, to, rows * pixels, xStride * stride);
          }
        }
      }
    }
  }
}

/** Whether a pixel with this rest modulo the stride is under place `k` of the kernel. */
function isTap(shape: Shape, rest: usize, k: usize): bool {
  // A multiple of the stride keeps the difference above 0.
  return (rest + <usize>shape.padding + <usize>(shape.kernel * shape.stride) - k) % <usize>shape.stride === 0;
}

/** weight [outputs, K, K, inputs/groups] → panels [inputs/8, taps, outputs/groups, 8] for the taps; returns their number. */
function packGradient(weight: usize, shape: Shape, restY: usize, restX: usize): usize {
  const kernel = <usize>shape.kernel;
  const inputs = shape.groupInputs();
  const outputs = shape.groupOutputs();
  const rowBytes = shape.depth() << 2;
  let to = panels();
  let taps: usize = 0;
  for (let input: usize = 0; input < <usize>shape.inputs; input += BLOCK) {
    const group = input / inputs;
    const column = (input - group * inputs) << 2;
    taps = 0;
    for (let ky: usize = 0; ky < kernel; ky++) {
      if (!isTap(shape, restY, ky)) continue;
      for (let kx: usize = 0; kx < kernel; kx++) {
        if (!isTap(shape, restX, kx)) continue;
        taps++;
        let from = weight + group * outputs * rowBytes + (((ky * kernel + kx) * inputs) << 2) + column;
        for (let o: usize = 0; o < outputs; o++) {
          v128.store(to, v128.load(from));
          v128.store(to, v128.load(from, 16), 16);
          to += 32;
          from += rowBytes;
        }
      }
    }
  }
  return taps;
}

/** Addresses of the pixels of dy whose patches contain each of the row's pixels, in the order of the packed taps. */
function gradientTable(
  dy: usize,
  zero: usize,
  table: usize,
  shape: Shape,
  image: usize,
  row: usize,
  restX: usize,
): void {
  const kernel = <usize>shape.kernel;
  const stride = <usize>shape.stride;
  const outHeight = shape.outHeight();
  const outWidth = shape.outWidth();
  const pixelBytes = (<usize>shape.outputs) << 2;
  for (let x = restX; x < <usize>shape.width; x += stride) {
    for (let ky: usize = 0; ky < kernel; ky++) {
      if (!isTap(shape, row % stride, ky)) continue;
      const down = <isize>(row + <usize>shape.padding) - <isize>ky;
      const outRow = <usize>down / stride;
      const inside = down >= 0 && outRow < outHeight;
      const line = dy + (image * outHeight + outRow) * outWidth * pixelBytes;
      for (let kx: usize = 0; kx < kernel; kx++) {
        if (!isTap(shape, restX, kx)) continue;
        const across = <isize>(x + <usize>shape.padding) - <isize>kx;
        const outColumn = <usize>across / stride;
        const at = inside && across >= 0 && outColumn < outWidth ? line + outColumn * pixelBytes : zero;
        store<u32>(table, <u32>at);
        table += 4;
      }
    }
  }
}

/** `pixels` results of eight channels, from + Σ over taps; table [pixels, taps], panel [taps, values, 8]. */
function pixelRun(
  table: usize,
  taps: usize,
  offset: usize,
  bytes: usize,
  panel: usize,
  from: usize,
  to: usize,
  pixels: usize,
  stride: usize,
): void {
  const rowBytes = taps << 2;
  for (let pixel: usize = 0; pixel < pixels; pixel += 4) {
    const left = pixels - pixel;
    // Surplus pixels compute the last one again, into memory that nobody reads.
    const t1 = left > 1 ? table + rowBytes : table;
    const t2 = left > 2 ? table + 2 * rowBytes : table;
    const t3 = left > 3 ? table + 3 * rowBytes : table;
    const to1 = left > 1 ? to + stride : tile();
    const to2 = left > 2 ? to + 2 * stride : tile();
    const to3 = left > 3 ? to + 3 * stride : tile();
    fourPixels(table, t1, t2, t3, rowBytes, offset, bytes, panel, from, to, to1, to2, to3);
    table += 4 * rowBytes;
    to += 4 * stride;
  }
}

function fourPixels(
  t0: usize,
  t1: usize,
  t2: usize,
  t3: usize,
  rowBytes: usize,
  offset: usize,
  bytes: usize,
  panel: usize,
  from: usize,
  to0: usize,
  to1: usize,
  to2: usize,
  to3: usize,
): void {
  let s00 = v128.load(from);
  let s01 = v128.load(from, 16);
  let s10 = s00;
  let s11 = s01;
  let s20 = s00;
  let s21 = s01;
  let s30 = s00;
  let s31 = s01;
  const end = t0 + rowBytes;
  while (t0 !== end) {
    let p0 = <usize>load<u32>(t0) + offset;
    // The other pixels by their distance from the first: one address to advance instead of four.
    const d1 = <usize>load<u32>(t1) + offset - p0;
    const d2 = <usize>load<u32>(t2) + offset - p0;
    const d3 = <usize>load<u32>(t3) + offset - p0;
    const last = p0 + bytes;
    while (p0 !== last) {
      const w0 = v128.load(panel);
      const w1 = v128.load(panel, 16);
      const x0 = v128.load32_splat(p0);
      s00 = Float4.madd(x0, w0, s00);
      s01 = Float4.madd(x0, w1, s01);
      const x1 = v128.load32_splat(p0 + d1);
      s10 = Float4.madd(x1, w0, s10);
      s11 = Float4.madd(x1, w1, s11);
      const x2 = v128.load32_splat(p0 + d2);
      s20 = Float4.madd(x2, w0, s20);
      s21 = Float4.madd(x2, w1, s21);
      const x3 = v128.load32_splat(p0 + d3);
      s30 = Float4.madd(x3, w0, s30);
      s31 = Float4.madd(x3, w1, s31);
      p0 += 4;
      panel += 32;
    }
    t0 += 4;
    t1 += 4;
    t2 += 4;
    t3 += 4;
  }
  v128.store(to1, s10);
  v128.store(to1, s11, 16);
  v128.store(to2, s20);
  v128.store(to2, s21, 16);
  v128.store(to3, s30);
  v128.store(to3, s31, 16);
  v128.store(to0, s00);
  v128.store(to0, s01, 16);
}

/** dWeight of the outputs from `first` on, multiples of four. */
export function weightGradientOutputs(
  dy: usize,
  x: usize,
  dWeight: usize,
  shape: Shape,
  first: usize,
  count: usize,
): void {
  const kernel = <usize>shape.kernel;
  const stride = <usize>shape.stride;
  const height = <usize>shape.height;
  const width = <usize>shape.width;
  const outHeight = shape.outHeight();
  const outWidth = shape.outWidth();
  const inputs = shape.groupInputs();
  const outputs = shape.groupOutputs();
  const rowBytes = shape.depth() << 2;
  const xPixel = (<usize>shape.inputs) << 2;
  const yPixel = (<usize>shape.outputs) << 2;
  for (let row: usize = 0; row < <usize>shape.batch * outHeight; row++) {
    const image = row / outHeight;
    const top = (row - image * outHeight) * stride;
    for (let ky: usize = 0; ky < kernel; ky++) {
      const down = top + ky - <usize>shape.padding;
      // Above the image the difference is a huge number.
      if (down >= height) continue;
      const line = x + (image * height + down) * width * xPixel;
      for (let kx: usize = 0; kx < kernel; kx++) {
        // Pixels of dy whose input at kx is inside the image.
        const start = kx < <usize>shape.padding ? (<usize>shape.padding - kx + stride - 1) / stride : 0;
        if (width + <usize>shape.padding <= kx) continue;
        const end = min(outWidth, (width - 1 + <usize>shape.padding - kx) / stride + 1);
        if (end <= start) continue;
        const fromX = line + (start * stride + kx - <usize>shape.padding) * xPixel;
        const fromY = dy + (row * outWidth + start) * yPixel;
        const tap = ((ky * kernel + kx) * inputs) << 2;
        for (let o = first; o < first + count; o += 4) {
          const channel = (o / outputs) * inputs;
          const to = dWeight + o * rowBytes + tap;
          for (let i: usize = 0; i < inputs; i += BLOCK) {
            const at = fromX + ((channel + i) << 2);
            fourOutputs(fromY + (o << 2), yPixel, at, xPixel * stride, to + (i << 2), rowBytes, end - start);
          }
        }
      }
    }
  }
}

/** d [4, 8] += Σ over pixels of dy [4]·x [8]. */
function fourOutputs(
  dy: usize,
  yPixel: usize,
  x: usize,
  xPixel: usize,
  to: usize,
  rowBytes: usize,
  pixels: usize,
): void {
  const to1 = to + rowBytes;
  const to2 = to1 + rowBytes;
  const to3 = to2 + rowBytes;
  let s00 = v128.load(to);
  let s01 = v128.load(to, 16);
  let s10 = v128.load(to1);
  let s11 = v128.load(to1, 16);
  let s20 = v128.load(to2);
  let s21 = v128.load(to2, 16);
  let s30 = v128.load(to3);
  let s31 = v128.load(to3, 16);
  const end = dy + pixels * yPixel;
  while (dy !== end) {
    const x0 = v128.load(x);
    const x1 = v128.load(x, 16);
    const d0 = v128.load32_splat(dy);
    s00 = Float4.madd(d0, x0, s00);
    s01 = Float4.madd(d0, x1, s01);
    const d1 = v128.load32_splat(dy, 4);
    s10 = Float4.madd(d1, x0, s10);
    s11 = Float4.madd(d1, x1, s11);
    const d2 = v128.load32_splat(dy, 8);
    s20 = Float4.madd(d2, x0, s20);
    s21 = Float4.madd(d2, x1, s21);
    const d3 = v128.load32_splat(dy, 12);
    s30 = Float4.madd(d3, x0, s30);
    s31 = Float4.madd(d3, x1, s31);
    dy += yPixel;
    x += xPixel;
  }
  v128.store(to, s00);
  v128.store(to, s01, 16);
  v128.store(to1, s10);
  v128.store(to1, s11, 16);
  v128.store(to2, s20);
  v128.store(to2, s21, 16);
  v128.store(to3, s30);
  v128.store(to3, s31, 16);
}
