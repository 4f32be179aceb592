// Convolution with groups, stride and padding, forward and both gradients, as matrix products over gathered patches.
//
// Channels last: x [B,H,W,I], y [B,OH,OW,O], weight [O,K,K,I/G] (PyTorch's [O,I/G,K,K], permuted when a model is
// loaded). A pixel's channels are contiguous, so a 1×1 convolution is a linear layer, a patch is K·K runs that are
// copied whole, and a group is a range of columns that the matrix product reaches by its strides.
//
//   patches [P, K·K·I/G]: for each output pixel the inputs under the kernel in one group, 0 beyond the border
//   forward          y_g = patches · weight_gᵀ + bias_g
//   input gradient   patches = dy_g · weight_g, added back to the pixels they came from
//   weight gradient  dWeight_g += dy_gᵀ · patches,  dBias += Σ dy
//
// Groups of few channels are computed without patches (conv2d-direct.ts).
//
// 2·B·OH·OW·O·K·K·I/G flops. `chunk` output pixels go through the patches at a time, which keeps them in the
// second-level cache and changes no bit: sums over pixels continue in ascending order from one chunk to the next.

import { addColumnSums, addSumsOfColumns } from "./column-sums";
import { forwardRows, inputGradientRows, isDirect, weightGradientOutputs } from "./conv2d-direct";
import { Shape } from "./convolution-shape";
import { fill } from "./elementwise";
import { A_TRANSPOSED, ACCUMULATE, B_TRANSPOSED, gemm, gemmPlain, PLAIN } from "./gemm";
import { count, cut, first, isFirstPart } from "./partition";

export function conv2d(x: usize, weight: usize, bias: usize, y: usize, scratch: usize, sizes: usize): void {
  const shape = changetype<Shape>(sizes);
  if (!shape.batch) return;
  if (isDirect(shape)) {
    cut(<usize>shape.batch * shape.outHeight(), 1);
    if (count) forwardRows(x, weight, bias, y, shape, first, count);
    return;
  }
  if (!isFirstPart()) return;
  const depth = shape.depth();
  const columns = shape.groupOutputs();
  const yStride = (<usize>shape.outputs) << 2;
  const pixels = shape.pixels();
  for (let start: usize = 0; start < pixels; start += shape.chunk) {
    const count = min(<usize>shape.chunk, pixels - start);
    for (let group: usize = 0; group < <usize>shape.groups; group++) {
      gather(x, scratch, shape, group, start, count);
      const w = weight + ((group * columns * depth) << 2);
      const b = bias ? bias + ((group * columns) << 2) : 0;
      const to = y + start * yStride + ((group * columns) << 2);
      gemm(count, columns, depth, scratch, depth << 2, w, depth << 2, to, yStride, B_TRANSPOSED, b, 0);
    }
  }
}

export function conv2dInputGradient(dy: usize, weight: usize, dx: usize, scratch: usize, sizes: usize): void {
  const shape = changetype<Shape>(sizes);
  if (!shape.batch) return;
  if (isDirect(shape)) {
    cut(<usize>(shape.batch * shape.height), 1);
    if (count) inputGradientRows(dy, weight, dx, shape, first, count);
    return;
  }
  if (!isFirstPart()) return;
  const depth = shape.depth();
  const columns = shape.groupOutputs();
  const yStride = (<usize>shape.outputs) << 2;
  const pixels = shape.pixels();
  fill(dx, <usize>(shape.batch * shape.height * shape.width) * <usize>shape.inputs, 0);
  for (let start: usize = 0; start < pixels; start += shape.chunk) {
    const count = min(<usize>shape.chunk, pixels - start);
    for (let group: usize = 0; group < <usize>shape.groups; group++) {
      const w = weight + ((group * columns * depth) << 2);
      const from = dy + start * yStride + ((group * columns) << 2);
      gemmPlain(count, depth, columns, from, yStride, w, depth << 2, scratch, depth << 2, PLAIN);
      scatter(scratch, dx, shape, group, start, count);
    }
  }
}

export function conv2dWeightGradient(
  dy: usize,
  x: usize,
  dWeight: usize,
  dBias: usize,
  scratch: usize,
  sizes: usize,
): void {
  const shape = changetype<Shape>(sizes);
  if (!shape.batch) return;
  if (isDirect(shape)) {
    cut(<usize>shape.outputs, 4);
    if (!count) return;
    weightGradientOutputs(dy, x, dWeight, shape, first, count);
    const place = first << 2;
    if (dBias) addSumsOfColumns(dy + place, dBias + place, shape.pixels(), count, <usize>shape.outputs);
    return;
  }
  if (!isFirstPart()) return;
  const depth = shape.depth();
  const columns = shape.groupOutputs();
  const yStride = (<usize>shape.outputs) << 2;
  const pixels = shape.pixels();
  const flags = A_TRANSPOSED | ACCUMULATE;
  for (let start: usize = 0; start < pixels; start += shape.chunk) {
    const count = min(<usize>shape.chunk, pixels - start);
    for (let group: usize = 0; group < <usize>shape.groups; group++) {
      gather(x, scratch, shape, group, start, count);
      const from = dy + start * yStride + ((group * columns) << 2);
      const to = dWeight + ((group * columns * depth) << 2);
      gemmPlain(columns, depth, count, from, yStride, scratch, depth << 2, to, depth << 2, flags);
    }
  }
  if (dBias) addColumnSums(dy, dBias, pixels, <usize>shape.outputs);
}

/** The image's first value in the group. */
function imageBase(x: usize, shape: Shape, group: usize, image: usize): usize {
  const values = <usize>shape.height * <usize>shape.width * <usize>shape.inputs;
  return x + ((image * values + group * shape.groupInputs()) << 2);
}

/** patches [count, K·K·I/G] of the output pixels from `start` on. */
function gather(x: usize, patches: usize, shape: Shape, group: usize, start: usize, count: usize): void {
  const outWidth = shape.outWidth();
  const plane = outWidth * shape.outHeight();
  const kernel = <isize>shape.kernel;
  const height = <isize>shape.height;
  const width = <isize>shape.width;
  const pixelBytes = (<usize>shape.inputs) << 2;
  const run = shape.groupInputs() << 2;
  for (let pixel = start; pixel < start + count; pixel++) {
    const image = pixel / plane;
    const inPlane = pixel - image * plane;
    const outRow = inPlane / outWidth;
    const top = <isize>(outRow * <usize>shape.stride) - <isize>shape.padding;
    const left = <isize>((inPlane - outRow * outWidth) * <usize>shape.stride) - <isize>shape.padding;
    const base = imageBase(x, shape, group, image);
    for (let row = top; row < top + kernel; row++) {
      const inside = row >= 0 && row < height;
      for (let column = left; column < left + kernel; column++) {
        if (inside && column >= 0 && column < width) {
          copyRun(base + <usize>(row * width + column) * pixelBytes, patches, run);
        } else {
          clearRun(patches, run);
        }
        patches += run;
      }
    }
  }
}

/** Adds patches back to the pixels that `gather` takes them from. */
function scatter(patches: usize, dx: usize, shape: Shape, group: usize, start: usize, count: usize): void {
  const outWidth = shape.outWidth();
  const plane = outWidth * shape.outHeight();
  const kernel = <isize>shape.kernel;
  const height = <isize>shape.height;
  const width = <isize>shape.width;
  const pixelBytes = (<usize>shape.inputs) << 2;
  const run = shape.groupInputs() << 2;
  for (let pixel = start; pixel < start + count; pixel++) {
    const image = pixel / plane;
    const inPlane = pixel - image * plane;
    const outRow = inPlane / outWidth;
    const top = <isize>(outRow * <usize>shape.stride) - <isize>shape.padding;
    const left = <isize>((inPlane - outRow * outWidth) * <usize>shape.stride) - <isize>shape.padding;
    const base = imageBase(dx, shape, group, image);
    for (let row = top; row < top + kernel; row++) {
      const inside = row >= 0 && row < height;
      for (let column = left; column < left + kernel; column++) {
        if (inside && column >= 0 && column < width) {
          addRun(patches, base + <usize>(row * width + column) * pixelBytes, run);
        }
        patches += run;
      }
    }
  }
}

/** A call of memory.copy costs more than these few values do. */
function copyRun(from: usize, to: usize, bytes: usize): void {
  const whole = bytes & ~15;
  let i: usize = 0;
  for (; i < whole; i += 16) v128.store(to + i, v128.load(from + i));
  for (; i < bytes; i += 4) store<f32>(to + i, load<f32>(from + i));
}

function clearRun(to: usize, bytes: usize): void {
  const zero = f32x4.splat(0);
  const whole = bytes & ~15;
  let i: usize = 0;
  for (; i < whole; i += 16) v128.store(to + i, zero);
  for (; i < bytes; i += 4) store<f32>(to + i, 0);
}

function addRun(from: usize, to: usize, bytes: usize): void {
  const whole = bytes & ~15;
  let i: usize = 0;
  for (; i < whole; i += 16) v128.store(to + i, f32x4.add(v128.load(to + i), v128.load(from + i)));
  for (; i < bytes; i += 4) store<f32>(to + i, load<f32>(to + i) + load<f32>(from + i));
}
