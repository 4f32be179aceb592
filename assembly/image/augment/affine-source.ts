// Affine source: the picture that an affine transform reads, padded, with its matrix, and one pixel of the result in
// double precision and in Pillow's own steps, for the bytes that the fast kernels cannot decide.

import { reserve } from "../call";
import { Region } from "../contract";
import { cubic } from "./affine-scalar";

/** Pixels on each side: two that the taps reach, one for a position that was rounded across an edge. */
const PAD: usize = 3;

export function paddedStride(width: i32): usize {
  return (<usize>width + 2 * PAD) * 3;
}

function copyPixel(from: usize, to: usize): void {
  store<u16>(to, load<u16>(from));
  store<u8>(to, load<u8>(from, 2), 2);
}

/**
 * u8 [height, width, 3] → a copy in Region.Spare whose edges are repeated three pixels outward, so that four taps
 * need no bounds tests; address of its pixel (0, 0), 0 if it does not fit into memory.
 */
export function padPicture(pixels: usize, width: i32, height: i32): usize {
  const stride = paddedStride(width);
  const bytes = <usize>width * 3;
  const spare = reserve(Region.Spare, stride * (<usize>height + 2 * PAD));
  if (spare === 0) return 0;
  const origin = spare + PAD * stride + PAD * 3;
  let row = origin;
  for (let y = 0; y < height; y++) {
    memory.copy(row, pixels, bytes);
    for (let out: usize = 3; out <= PAD * 3; out += 3) {
      copyPixel(row, row - out);
      copyPixel(row + bytes - 3, row + bytes - 3 + out);
    }
    pixels += bytes;
    row += stride;
  }
  const first = spare + PAD * stride;
  const last = first + <usize>(height - 1) * stride;
  for (let out: usize = 1; out <= PAD; out++) {
    memory.copy(first - out * stride, first, stride);
    memory.copy(last + out * stride, last, stride);
  }
  return origin;
}

/** Pixel (0, 0) of the padded picture and bytes from row to row. */
export let origin: usize = 0;
export let stride: usize = 0;
export let bicubic: bool = true;
let a: f64 = 0;
let b: f64 = 0;
let c: f64 = 0;
let d: f64 = 0;
let e: f64 = 0;
let f: f64 = 0;

/** Sets the picture, as padPicture made it. */
export function setPicture(address: usize, rowBytes: usize, isBicubic: bool): void {
  origin = address;
  stride = rowBytes;
  bicubic = isBicubic;
}

/** Output (x, y) samples the input at (a·x + b·y + c, d·x + e·y + f); coordinates are those of pixel centers. */
export function setMatrix(ma: f64, mb: f64, mc: f64, md: f64, me: f64, mf: f64): void {
  a = ma;
  b = mb;
  c = mc;
  d = md;
  e = me;
  f = mf;
}

export function positionX(column: i32, row: i32): f64 {
  return a * (<f64>column + 0.5) + b * (<f64>row + 0.5) + c;
}

export function positionY(column: i32, row: i32): f64 {
  return d * (<f64>column + 0.5) + e * (<f64>row + 0.5) + f;
}

function cubicLine(at: usize, distance: f64): f64 {
  const v1 = <f64>load<u8>(at);
  const v2 = <f64>load<u8>(at, 3);
  return cubic(v1, v2, <f64>load<u8>(at, 6), <f64>load<u8>(at, 9), distance);
}

function cubicByte(corner: usize, dx: f64, dy: f64): u8 {
  const v1 = cubicLine(corner, dx);
  const v2 = cubicLine(corner + stride, dx);
  const v3 = cubicLine(corner + 2 * stride, dx);
  const value = cubic(v1, v2, v3, cubicLine(corner + 3 * stride, dx), dy);
  return <u8>Math.min(Math.max(value, 0.0), 255.0);
}

function linearLine(at: usize, distance: f64): f64 {
  const v = <f64>load<u8>(at);
  return v + (<f64>load<u8>(at, 3) - v) * distance;
}

function linearByte(corner: usize, dx: f64, dy: f64): u8 {
  const v1 = linearLine(corner, dx);
  return <u8>(v1 + (linearLine(corner + stride, dx) - v1) * dy);
}

/** Computes output pixel (column, row), whose position is inside the picture, into `target`. */
export function exactPixel(column: i32, row: i32, target: usize): void {
  const x = positionX(column, row) - 0.5;
  const y = positionY(column, row) - 0.5;
  const left = Math.floor(x);
  const top = Math.floor(y);
  const pixel = origin + <usize>(<i32>top) * stride + <usize>(<i32>left) * 3;
  for (let channel: usize = 0; channel < 3; channel++) {
    const byte = bicubic
      ? cubicByte(pixel - stride - 3 + channel, x - left, y - top)
      : linearByte(pixel + channel, x - left, y - top);
    store<u8>(target + channel, byte);
  }
}
