// Affine, scalar: the reference for affine.ts, one value at a time in Pillow's own steps (Geometry.c).
//
// The center of each output pixel is mapped to the input. Outside the input's rectangle it takes the fill color;
// inside, neighbors beyond an edge repeat the edge. Bicubic here has a = −1 and its result is truncated; that of the
// resize has a = −0.5 and is rounded.

/** Mean color of ImageNet in bytes: timm's fill color. */
export const FILL_RED: u8 = 124;
export const FILL_GREEN: u8 = 116;
export const FILL_BLUE: u8 = 104;

function clamped(value: i32, size: i32): i32 {
  return min(max(value, 0), size - 1);
}

export function cubic(v1: f64, v2: f64, v3: f64, v4: f64, d: f64): f64 {
  const p2 = -v1 + v3;
  const p3 = 2.0 * (v1 - v2) + v3 - v4;
  const p4 = -v1 + v2 - v3 + v4;
  return v2 + d * (p2 + d * (p3 + d * p4));
}

let source: usize = 0;
let width: i32 = 0;
let height: i32 = 0;

function sample(x: i32, y: i32, channel: usize): f64 {
  return <f64>load<u8>(source + <usize>(clamped(y, height) * width + clamped(x, width)) * 3 + channel);
}

function cubicRow(x: i32, y: i32, channel: usize, d: f64): f64 {
  const v1 = sample(x - 1, y, channel);
  const v2 = sample(x, y, channel);
  return cubic(v1, v2, sample(x + 1, y, channel), sample(x + 2, y, channel), d);
}

function bicubicAt(x: f64, y: f64, channel: usize): u8 {
  const left = <i32>Math.floor(x);
  const top = <i32>Math.floor(y);
  const dx = x - <f64>left;
  const v1 = cubicRow(left, top - 1, channel, dx);
  // A row below the picture repeats the previous one, already interpolated.
  const v2 = top >= 0 && top < height ? cubicRow(left, top, channel, dx) : v1;
  const v3 = top + 1 < height ? cubicRow(left, top + 1, channel, dx) : v2;
  const v4 = top + 2 < height ? cubicRow(left, top + 2, channel, dx) : v3;
  const value = cubic(v1, v2, v3, v4, y - <f64>top);
  return <u8>Math.min(Math.max(value, 0.0), 255.0);
}

function bilinearAt(x: f64, y: f64, channel: usize): u8 {
  const left = <i32>Math.floor(x);
  const top = <i32>Math.floor(y);
  const dx = x - <f64>left;
  const a = sample(left, top, channel);
  const v1 = a + (sample(left + 1, top, channel) - a) * dx;
  let v2 = v1;
  if (top + 1 < height) {
    const b = sample(left, top + 1, channel);
    v2 = b + (sample(left + 1, top + 1, channel) - b) * dx;
  }
  return <u8>(v1 + (v2 - v1) * (y - <f64>top));
}

/**
 * u8 [inHeight, inWidth, 3] → `target` of the same size: output (x, y) samples the input at (a·x + b·y + c,
 * d·x + e·y + f); coordinates are those of pixel centers.
 */
export function affineScalar(
  pixels: usize,
  inWidth: i32,
  inHeight: i32,
  target: usize,
  a: f64,
  b: f64,
  c: f64,
  d: f64,
  e: f64,
  f: f64,
  bicubic: bool,
): void {
  source = pixels;
  width = inWidth;
  height = inHeight;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const x = a * (<f64>column + 0.5) + b * (<f64>row + 0.5) + c;
      const y = d * (<f64>column + 0.5) + e * (<f64>row + 0.5) + f;
      if (x < 0.0 || x >= <f64>width || y < 0.0 || y >= <f64>height) {
        store<u8>(target, FILL_RED);
        store<u8>(target, FILL_GREEN, 1);
        store<u8>(target, FILL_BLUE, 2);
      } else {
        for (let channel: usize = 0; channel < 3; channel++) {
          const value = bicubic
            ? bicubicAt(x - 0.5, y - 0.5, channel)
            : bilinearAt(x - 0.5, y - 0.5, channel);
          store<u8>(target + channel, value);
        }
      }
      target += 3;
    }
  }
}
