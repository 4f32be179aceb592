// Affine: shear, translation and rotation, as Pillow's Image.transform does them, bicubic with two doubles at a time.
// Twin: affine-scalar.ts.
//
// Differences of bytes are taken in whole numbers, which is exact, then become doubles: red and green in one vector,
// blue in another. Where the source row or column is hit exactly (every shear and translation leaves one axis alone),
// the interpolation along that axis gives back its second value, so it is not computed: a quarter of the work.

import { affineScalar, FILL_BLUE, FILL_GREEN, FILL_RED } from "./affine-scalar";

/** Sums along a row for red and green, and for blue, of the last `cubicRow`. */
let redGreen: v128 = i64x2.splat(0);
let blue: v128 = i64x2.splat(0);

/** The pixel at p as i32 (r, g, b, –). */
function pixel(p: usize): v128 {
  return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(p)));
}

/** v2 + d·(p2 + d·(p3 + d·p4)) of two lanes. */
function horner(v2: v128, p2: v128, p3: v128, p4: v128, d: v128): v128 {
  const inner = f64x2.add(p3, f64x2.mul(d, p4));
  return f64x2.add(v2, f64x2.mul(d, f64x2.add(p2, f64x2.mul(d, inner))));
}

function upper(v: v128): v128 {
  return f64x2.convert_low_i32x4_s(i64x2.shuffle(v, v, 1, 1));
}

/** Four pixels of whole numbers at distance d → redGreen, blue. */
function cubicPixels(v1: v128, v2: v128, v3: v128, v4: v128, d: v128): void {
  const p2 = i32x4.sub(v3, v1);
  const p3 = i32x4.sub(i32x4.add(i32x4.shl(i32x4.sub(v1, v2), 1), v3), v4);
  const p4 = i32x4.sub(i32x4.add(i32x4.sub(v2, v1), v4), v3);
  redGreen = horner(
    f64x2.convert_low_i32x4_s(v2),
    f64x2.convert_low_i32x4_s(p2),
    f64x2.convert_low_i32x4_s(p3),
    f64x2.convert_low_i32x4_s(p4),
    d,
  );
  blue = horner(upper(v2), upper(p2), upper(p3), upper(p4), d);
}

/** cubic() of affine-scalar.ts on two lanes of doubles. */
function cubicDoubles(v1: v128, v2: v128, v3: v128, v4: v128, d: v128): v128 {
  const p2 = f64x2.sub(v3, v1);
  const p3 = f64x2.sub(f64x2.add(f64x2.mul(f64x2.splat(2), f64x2.sub(v1, v2)), v3), v4);
  const p4 = f64x2.add(f64x2.sub(f64x2.sub(v2, v1), v3), v4);
  return horner(v2, p2, p3, p4, d);
}

/** redGreen and blue, clipped and truncated, to the pixel at `target`. */
function storePixel(target: usize): void {
  const zero = f64x2.splat(0);
  const most = f64x2.splat(255);
  const rg = i32x4.trunc_sat_f64x2_s_zero(f64x2.min(f64x2.max(redGreen, zero), most));
  const b = i32x4.trunc_sat_f64x2_s_zero(f64x2.min(f64x2.max(blue, zero), most));
  store<u8>(target, <u8>i32x4.extract_lane(rg, 0));
  store<u8>(target, <u8>i32x4.extract_lane(rg, 1), 1);
  store<u8>(target, <u8>i32x4.extract_lane(b, 0), 2);
}

/** Row at `row`, byte offsets of the four columns. */
function cubicRow(row: usize, x0: usize, x1: usize, x2: usize, x3: usize, d: v128): void {
  cubicPixels(pixel(row + x0), pixel(row + x1), pixel(row + x2), pixel(row + x3), d);
}

function clamped(value: i32, size: i32): i32 {
  return min(max(value, 0), size - 1);
}

/** The pixel whose upper left neighbour's centre lies dx, dy before the point; edges repeat. */
function bicubicPixel(source: usize, width: i32, height: i32, x: f64, y: f64, target: usize): void {
  const left = <i32>Math.floor(x);
  const top = <i32>Math.floor(y);
  const dx = x - <f64>left;
  const dy = y - <f64>top;
  const stride = <usize>width * 3;
  const x0 = <usize>clamped(left - 1, width) * 3;
  const x1 = <usize>clamped(left, width) * 3;
  const x2 = <usize>clamped(left + 1, width) * 3;
  const x3 = <usize>clamped(left + 2, width) * 3;
  const row0 = source + <usize>clamped(top - 1, height) * stride;
  const row1 = source + <usize>clamped(top, height) * stride;
  const row2 = source + <usize>clamped(top + 1, height) * stride;
  const row3 = source + <usize>clamped(top + 2, height) * stride;
  if (dx === 0.0) {
    // Down a column; with dy = 0 too the pixel itself.
    const d = f64x2.splat(dy);
    cubicPixels(pixel(row0 + x1), pixel(row1 + x1), pixel(row2 + x1), pixel(row3 + x1), d);
  } else {
    const d = f64x2.splat(dx);
    if (dy === 0.0) cubicRow(row1, x0, x1, x2, x3, d);
    else {
      cubicRow(row0, x0, x1, x2, x3, d);
      const rg0 = redGreen;
      const b0 = blue;
      cubicRow(row1, x0, x1, x2, x3, d);
      const rg1 = redGreen;
      const b1 = blue;
      cubicRow(row2, x0, x1, x2, x3, d);
      const rg2 = redGreen;
      const b2 = blue;
      cubicRow(row3, x0, x1, x2, x3, d);
      const down = f64x2.splat(dy);
      redGreen = cubicDoubles(rg0, rg1, rg2, redGreen, down);
      blue = cubicDoubles(b0, b1, b2, blue, down);
    }
  }
  storePixel(target);
}

/**
 * u8 [height, width, 3] → `target` of the same size: output (x, y) looks at (a·x + b·y + c, d·x + e·y + f) of the
 * input; outside of it the fill colour. Bilinear goes to the scalar code: only timm's `random` interpolation uses it.
 */
export function affine(
  source: usize,
  width: i32,
  height: i32,
  target: usize,
  a: f64,
  b: f64,
  c: f64,
  d: f64,
  e: f64,
  f: f64,
  bicubic: bool,
): void {
  if (!bicubic) {
    affineScalar(source, width, height, target, a, b, c, d, e, f, false);
    return;
  }
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const x = a * (<f64>column + 0.5) + b * (<f64>row + 0.5) + c;
      const y = d * (<f64>column + 0.5) + e * (<f64>row + 0.5) + f;
      if (x < 0.0 || x >= <f64>width || y < 0.0 || y >= <f64>height) {
        store<u8>(target, FILL_RED);
        store<u8>(target, FILL_GREEN, 1);
        store<u8>(target, FILL_BLUE, 2);
      } else bicubicPixel(source, width, height, x - 0.5, y - 0.5, target);
      target += 3;
    }
  }
}
