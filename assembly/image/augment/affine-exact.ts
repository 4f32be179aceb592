// Affine, exactly: a pixel in double precision, in Pillow's own steps, where the fast kernels cannot be sure of a byte.

import { cubic } from "./affine-scalar";

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

/** The picture as padPicture made it. */
export function setPicture(address: usize, rowBytes: usize, isBicubic: bool): void {
  origin = address;
  stride = rowBytes;
  bicubic = isBicubic;
}

/** Output (x, y) looks at (a·x + b·y + c, d·x + e·y + f), positions being those of pixel centers. */
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

/** Output pixel (column, row), which lies inside the picture, to `target`. */
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
