// Affine: shear, translation and rotation, as Pillow's Image.transform does them, bicubic. Inner pixels go to
// affine-float.ts first; what that cannot decide, and the borders, are done here with two doubles at a time. Twin:
// affine-scalar.ts.
//
// Differences of bytes are taken in whole numbers, which is exact, then become doubles: red and green in one vector,
// blue in another. Where the source row or column is hit exactly (every shear and translation leaves one axis alone),
// the interpolation along that axis gives back its second value, so it is not computed: a quarter of the work.

import { columnFloat, rowFloat, squareFloat } from "./affine-float";
import { affineScalar, FILL_BLUE, FILL_GREEN, FILL_RED } from "./affine-scalar";

/** Steps of one pixel, inlined. Pixels are i32 (r, g, b, –); sums are f64 (r, g) or (b, –). */
class Cubic {
  @inline static pixel(p: usize): v128 {
    return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(p)));
  }

  @inline static upper(v: v128): v128 {
    return f64x2.convert_low_i32x4_s(i64x2.shuffle(v, v, 1, 1));
  }

  /** v2 + d·(p2 + d·(p3 + d·p4)) of two lanes. */
  @inline static horner(v2: v128, p2: v128, p3: v128, p4: v128, d: v128): v128 {
    const inner = f64x2.add(p3, f64x2.mul(d, p4));
    return f64x2.add(v2, f64x2.mul(d, f64x2.add(p2, f64x2.mul(d, inner))));
  }

  @inline static p2(v1: v128, v3: v128): v128 {
    return i32x4.sub(v3, v1);
  }

  @inline static p3(v1: v128, v2: v128, v3: v128, v4: v128): v128 {
    return i32x4.sub(i32x4.add(i32x4.shl(i32x4.sub(v1, v2), 1), v3), v4);
  }

  @inline static p4(v1: v128, v2: v128, v3: v128, v4: v128): v128 {
    return i32x4.add(i32x4.sub(i32x4.sub(v2, v1), v3), v4);
  }

  /** Red and green of four pixels in a line at distance d behind the second. */
  @inline static redGreen(v1: v128, v2: v128, v3: v128, v4: v128, d: v128): v128 {
    return Cubic.horner(
      f64x2.convert_low_i32x4_s(v2),
      f64x2.convert_low_i32x4_s(Cubic.p2(v1, v3)),
      f64x2.convert_low_i32x4_s(Cubic.p3(v1, v2, v3, v4)),
      f64x2.convert_low_i32x4_s(Cubic.p4(v1, v2, v3, v4)),
      d,
    );
  }

  @inline static blue(v1: v128, v2: v128, v3: v128, v4: v128, d: v128): v128 {
    return Cubic.horner(
      Cubic.upper(v2),
      Cubic.upper(Cubic.p2(v1, v3)),
      Cubic.upper(Cubic.p3(v1, v2, v3, v4)),
      Cubic.upper(Cubic.p4(v1, v2, v3, v4)),
      d,
    );
  }

  /** cubic() of affine-scalar.ts on two lanes of doubles. */
  @inline static doubles(v1: v128, v2: v128, v3: v128, v4: v128, d: v128): v128 {
    const p3 = f64x2.sub(f64x2.add(f64x2.mul(f64x2.splat(2), f64x2.sub(v1, v2)), v3), v4);
    const p4 = f64x2.add(f64x2.sub(f64x2.sub(v2, v1), v3), v4);
    return Cubic.horner(v2, f64x2.sub(v3, v1), p3, p4, d);
  }

  /** Clips, truncates and stores a pixel. pmin and pmax are one instruction each; there is no NaN to be careful of. */
  @inline static store(target: usize, redGreen: v128, blue: v128): void {
    const zero = f64x2.splat(0);
    const most = f64x2.splat(255);
    const rg = i32x4.trunc_sat_f64x2_s_zero(f64x2.pmin(f64x2.pmax(redGreen, zero), most));
    const b = i32x4.trunc_sat_f64x2_s_zero(f64x2.pmin(f64x2.pmax(blue, zero), most));
    const words = i16x8.narrow_i32x4_s(rg, b);
    const bytes = i8x16.narrow_i16x8_u(words, words);
    store<u16>(target, i16x8.extract_lane_u(bytes, 0));
    store<u8>(target, i8x16.extract_lane_u(bytes, 4), 2);
  }
}

function clamped(value: i32, size: i32): i32 {
  return min(max(value, 0), size - 1);
}

function fill(target: usize): void {
  store<u8>(target, FILL_RED);
  store<u8>(target, FILL_GREEN, 1);
  store<u8>(target, FILL_BLUE, 2);
}

/** Four pixels at p0 … p3 in a line. */
function interpolateLine(p0: usize, p1: usize, p2: usize, p3: usize, d: f64, target: usize): void {
  const v1 = Cubic.pixel(p0);
  const v2 = Cubic.pixel(p1);
  const v3 = Cubic.pixel(p2);
  const v4 = Cubic.pixel(p3);
  const distance = f64x2.splat(d);
  const redGreen = Cubic.redGreen(v1, v2, v3, v4, distance);
  Cubic.store(target, redGreen, Cubic.blue(v1, v2, v3, v4, distance));
}

/** Four columns x0 … x3 (byte offsets) of four rows. */
function interpolateSquare(
  row0: usize,
  row1: usize,
  row2: usize,
  row3: usize,
  x0: usize,
  x1: usize,
  x2: usize,
  x3: usize,
  dx: f64,
  dy: f64,
  target: usize,
): void {
  const d = f64x2.splat(dx);
  let v1 = Cubic.pixel(row0 + x0);
  let v2 = Cubic.pixel(row0 + x1);
  let v3 = Cubic.pixel(row0 + x2);
  let v4 = Cubic.pixel(row0 + x3);
  const redGreen0 = Cubic.redGreen(v1, v2, v3, v4, d);
  const blue0 = Cubic.blue(v1, v2, v3, v4, d);
  v1 = Cubic.pixel(row1 + x0);
  v2 = Cubic.pixel(row1 + x1);
  v3 = Cubic.pixel(row1 + x2);
  v4 = Cubic.pixel(row1 + x3);
  const redGreen1 = Cubic.redGreen(v1, v2, v3, v4, d);
  const blue1 = Cubic.blue(v1, v2, v3, v4, d);
  v1 = Cubic.pixel(row2 + x0);
  v2 = Cubic.pixel(row2 + x1);
  v3 = Cubic.pixel(row2 + x2);
  v4 = Cubic.pixel(row2 + x3);
  const redGreen2 = Cubic.redGreen(v1, v2, v3, v4, d);
  const blue2 = Cubic.blue(v1, v2, v3, v4, d);
  v1 = Cubic.pixel(row3 + x0);
  v2 = Cubic.pixel(row3 + x1);
  v3 = Cubic.pixel(row3 + x2);
  v4 = Cubic.pixel(row3 + x3);
  const redGreen3 = Cubic.redGreen(v1, v2, v3, v4, d);
  const blue3 = Cubic.blue(v1, v2, v3, v4, d);
  const down = f64x2.splat(dy);
  const redGreen = Cubic.doubles(redGreen0, redGreen1, redGreen2, redGreen3, down);
  Cubic.store(target, redGreen, Cubic.doubles(blue0, blue1, blue2, blue3, down));
}

/** The point (x, y), counted from the centre of the first pixel; edges repeat. */
function bicubicPixel(source: usize, width: i32, height: i32, x: f64, y: f64, target: usize): void {
  const left = <i32>Math.floor(x);
  const top = <i32>Math.floor(y);
  const dx = x - <f64>left;
  const dy = y - <f64>top;
  const stride = <usize>width * 3;
  const innerX = left >= 1 && left + 2 < width;
  const innerY = top >= 1 && top + 2 < height;
  if (dy === 0.0) {
    if (innerX && rowFloat(source + <usize>clamped(top, height) * stride + <usize>(left - 1) * 3, dx, target))
      return;
  } else if (dx === 0.0) {
    if (
      innerY &&
      columnFloat(source + <usize>(top - 1) * stride + <usize>clamped(left, width) * 3, stride, dy, target)
    )
      return;
  } else if (innerX && innerY) {
    const corner = source + <usize>(top - 1) * stride + <usize>(left - 1) * 3;
    if (squareFloat(corner, stride, dx, dy, target)) return;
  }
  const x1 = <usize>clamped(left, width) * 3;
  const row1 = source + <usize>clamped(top, height) * stride;
  if (dy === 0.0) {
    const x0 = <usize>clamped(left - 1, width) * 3;
    const x2 = <usize>clamped(left + 1, width) * 3;
    const x3 = <usize>clamped(left + 2, width) * 3;
    interpolateLine(row1 + x0, row1 + x1, row1 + x2, row1 + x3, dx, target);
    return;
  }
  const row0 = source + <usize>clamped(top - 1, height) * stride;
  const row2 = source + <usize>clamped(top + 1, height) * stride;
  const row3 = source + <usize>clamped(top + 2, height) * stride;
  if (dx === 0.0) {
    interpolateLine(row0 + x1, row1 + x1, row2 + x1, row3 + x1, dy, target);
    return;
  }
  const x0 = <usize>clamped(left - 1, width) * 3;
  const x2 = <usize>clamped(left + 1, width) * 3;
  const x3 = <usize>clamped(left + 2, width) * 3;
  interpolateSquare(row0, row1, row2, row3, x0, x1, x2, x3, dx, dy, target);
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
      if (x < 0.0 || x >= <f64>width || y < 0.0 || y >= <f64>height) fill(target);
      else bicubicPixel(source, width, height, x - 0.5, y - 0.5, target);
      target += 3;
    }
  }
}
