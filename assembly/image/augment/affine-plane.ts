// Affine in the plane: rotations and any other transform that moves both axes. Sixteen neighbors per pixel, four pixels
// at a time. Scalar reference: affine-scalar.ts.
//
// How it is fast: along a row, pairs of whole-number weights (21 fractional bits) as in affine-lines.ts; down the
// column, single precision. Positions are 32.32 fixed-point numbers that are incremented along the row.
//
// Error bound, in units of a byte. Weights across: 4·255·(2⁻²² to round them + 2⁻²² of single precision) < 5·10⁻⁴,
// times 1.31 where the column amplifies them; weights down: 4·331·2⁻²² = 3.2·10⁻⁴; seven roundings below 512:
// 1.1·10⁻⁴; positions: 2⁻²⁵ and 1,024 steps of 2⁻³³, times 560·1.31 twice: 2.2·10⁻⁴; adding the constant that rounds:
// 0.6·10⁻⁴. Together 1.4·10⁻³, below UNSURE / 8192 = 1.6·10⁻³. Within it, once in a hundred pixels, exactPixel
// decides.

import { Simd } from "../simd";
import { bicubic, exactPixel, origin, positionX, positionY, stride } from "./affine-source";

const UNSURE: i32 = 13;
/** Columns after which positions are recomputed, to bound the accumulated error. */
const STEPS: i32 = 1024;
const TO_FIXED: f64 = 4294967296.0;

/** f32: 2⁻²⁴; 2²¹; 1.5·2²³, whose addition leaves a whole number in the lowest bits; 2⁻²¹. */
const NUMBERS: usize = memory.data<f32>([5.9604644775390625e-8, 2097152, 12582912, 4.76837158203125e-7]);
/** f32: ½ and 255½, outside which the byte is certain; 1.5·2¹⁰, whose addition leaves 13 fractional bits. */
const CLIP_AND_ROUND: usize = memory.data<f32>([0.5, 255.5, 1536]);
/** (r₀ r₁ g₀ g₁ b₀ b₁ – –) and (r₂ r₃ g₂ g₃ b₂ b₃ – –) of four pixels, widened to u16. */
const FIRST_PAIR: usize = memory.data<u8>(
  [0, 128, 3, 128, 1, 128, 4, 128, 2, 128, 5, 128, 128, 128, 128, 128],
  16,
);
const SECOND_PAIR: usize = memory.data<u8>(
  [6, 128, 9, 128, 7, 128, 10, 128, 8, 128, 11, 128, 128, 128, 128, 128],
  16,
);

/**
 * State of four pixels, u32 or f32 [4] each: offsets; words of weights across (high, high, low, low); four weights
 * down.
 */
const group: usize = memory.data(9 * 16, 16);
const ACROSS: usize = 16;
const DOWN: usize = 80;

class Plane {
  @inline static number(i: usize): v128 {
    return v128.load32_splat(NUMBERS + (i << 2));
  }

  /** Low words of four 32.32 numbers → f32 in 0 … 1. */
  @inline static distance(p01: v128, p23: v128): v128 {
    const words = v128.shuffle<i32>(p01, p23, 0, 2, 4, 6);
    return f32x4.mul(f32x4.convert_i32x4_s(i32x4.shr_u(words, 8)), Plane.number(0));
  }

  /** Weights → whole numbers of 2⁻²¹. */
  @inline static whole(weight: v128): v128 {
    const magic = Plane.number(2);
    return i32x4.sub(f32x4.add(f32x4.mul(weight, Plane.number(1)), magic), magic);
  }

  /** Stores the halves of a pair of weights of each pixel, i16. */
  @inline static storePair(one: v128, other: v128, at: usize): void {
    const lowest = i32x4.splat(0xffff);
    const bits = i32x4.splat(2047);
    const upper = v128.andnot(i32x4.shl(other, 5), lowest);
    v128.store(at, v128.or(v128.and(i32x4.shr_u(one, 11), lowest), upper));
    v128.store(at, v128.or(v128.and(one, bits), i32x4.shl(v128.and(other, bits), 16)), 32);
  }

  /** One row's four pixels at `p` → f32 (r, g, b, –) · 2²¹. */
  @inline static across(p: usize, high12: v128, high34: v128, low12: v128, low34: v128): v128 {
    const bytes = v128.load(p);
    const first = Simd.pick(bytes, v128.load(FIRST_PAIR));
    const second = Simd.pick(bytes, v128.load(SECOND_PAIR));
    const high = i32x4.add(i32x4.dot_i16x8_s(first, high12), i32x4.dot_i16x8_s(second, high34));
    const low = i32x4.add(i32x4.dot_i16x8_s(first, low12), i32x4.dot_i16x8_s(second, low34));
    return f32x4.convert_i32x4_s(i32x4.add(i32x4.shl(high, 11), low));
  }

  /** Pixel i of the group: 1536 + its value, with 13 fractional bits. */
  @inline static pixel(i: usize): v128 {
    const at = group + (i << 2);
    const high12 = v128.load32_splat(at, ACROSS);
    const high34 = v128.load32_splat(at, ACROSS + 16);
    const low12 = v128.load32_splat(at, ACROSS + 32);
    const low34 = v128.load32_splat(at, ACROSS + 48);
    let p = load<usize>(at);
    let sum = f32x4.mul(Plane.across(p, high12, high34, low12, low34), v128.load32_splat(at, DOWN));
    p += stride;
    const second = Plane.across(p, high12, high34, low12, low34);
    sum = f32x4.add(sum, f32x4.mul(second, v128.load32_splat(at, DOWN + 16)));
    p += stride;
    const third = Plane.across(p, high12, high34, low12, low34);
    sum = f32x4.add(sum, f32x4.mul(third, v128.load32_splat(at, DOWN + 32)));
    p += stride;
    const fourth = Plane.across(p, high12, high34, low12, low34);
    sum = f32x4.add(sum, f32x4.mul(fourth, v128.load32_splat(at, DOWN + 48)));
    const clipped = f32x4.pmin(
      f32x4.pmax(sum, v128.load32_splat(CLIP_AND_ROUND)),
      v128.load32_splat(CLIP_AND_ROUND, 4),
    );
    return f32x4.add(clipped, v128.load32_splat(CLIP_AND_ROUND, 8));
  }

  @inline static fraction(value: v128): v128 {
    return v128.and(i32x4.add(value, i32x4.splat(UNSURE)), i32x4.splat(8191));
  }

  @inline static byte(value: v128): v128 {
    return i32x4.shr_u(i32x4.shl(value, 11), 24);
  }
}

/** Positions of four pixels → the state that `Plane.pixel` reads. `curve` is 1 for bicubic, 0 for bilinear. */
function weigh(x01: v128, x23: v128, y01: v128, y23: v128, curve: v128): void {
  const left = v128.shuffle<i32>(x01, x23, 1, 3, 5, 7);
  const top = v128.shuffle<i32>(y01, y23, 1, 3, 5, 7);
  const offset = i32x4.add(i32x4.mul(top, i32x4.splat(<i32>stride)), i32x4.add(left, i32x4.shl(left, 1)));
  v128.store(group, i32x4.add(offset, i32x4.splat(<i32>(origin - stride - 3))));
  const one = f32x4.splat(1);
  let d = Plane.distance(x01, x23);
  let t = f32x4.sub(one, d);
  let dt = f32x4.mul(f32x4.mul(d, t), curve);
  // The outer weights are −before and −after; the inner ones are t + before and d + after.
  let before = f32x4.mul(dt, t);
  let after = f32x4.mul(dt, d);
  const nothing = i32x4.splat(0);
  const first = Plane.whole(before);
  const fourth = Plane.whole(after);
  Plane.storePair(i32x4.sub(nothing, first), Plane.whole(f32x4.add(t, before)), group + ACROSS);
  Plane.storePair(Plane.whole(f32x4.add(d, after)), i32x4.sub(nothing, fourth), group + ACROSS + 16);
  const unit = Plane.number(3);
  d = Plane.distance(y01, y23);
  t = f32x4.sub(one, d);
  dt = f32x4.mul(f32x4.mul(d, t), curve);
  before = f32x4.mul(dt, t);
  after = f32x4.mul(dt, d);
  v128.store(group, f32x4.mul(f32x4.neg(before), unit), DOWN);
  v128.store(group, f32x4.mul(f32x4.add(t, before), unit), DOWN + 16);
  v128.store(group, f32x4.mul(f32x4.add(d, after), unit), DOWN + 32);
  v128.store(group, f32x4.mul(f32x4.neg(after), unit), DOWN + 48);
}

function fixed(position: f64): i64 {
  return <i64>Math.floor(position * TO_FIXED);
}

/**
 * Pixels `column` … `end` − 1 of `row`, all inside the picture, to `target`; the position moves by (stepX, stepY)
 * from one to the next. The last four may overlap the previous ones. Writes up to four bytes more.
 */
export function filterPlane(column: i32, end: i32, row: i32, stepX: f64, stepY: f64, target: usize): void {
  if (end - column < 4) {
    for (; column < end; column++, target += 3) exactPixel(column, row, target);
    return;
  }
  const curve = f32x4.splat(bicubic ? 1 : 0);
  const fourX = i64x2.splat(fixed(4 * stepX));
  const fourY = i64x2.splat(fixed(4 * stepY));
  const line = target - <usize>(column * 3);
  const last = end - 4;
  while (column <= last) {
    let x01 = pair(positionX(column, row) - 0.5, stepX);
    let x23 = pair(positionX(column, row) - 0.5 + 2 * stepX, stepX);
    let y01 = pair(positionY(column, row) - 0.5, stepY);
    let y23 = pair(positionY(column, row) - 0.5 + 2 * stepY, stepY);
    for (const until = min(column + STEPS, last); column <= until; column += 4) {
      weigh(x01, x23, y01, y23, curve);
      writeGroup(column, row, line + <usize>(column * 3));
      x01 = i64x2.add(x01, fourX);
      x23 = i64x2.add(x23, fourX);
      y01 = i64x2.add(y01, fourY);
      y23 = i64x2.add(y23, fourY);
    }
    if (column > last && column < end) column = last;
  }
}

function pair(position: f64, step: f64): v128 {
  return i64x2.replace_lane(i64x2.splat(fixed(position)), 1, fixed(position + step));
}

function writeGroup(column: i32, row: i32, target: usize): void {
  const value0 = Plane.pixel(0);
  const value1 = Plane.pixel(1);
  const value2 = Plane.pixel(2);
  const value3 = Plane.pixel(3);
  const pixels = i8x16.narrow_i16x8_u(
    i16x8.narrow_i32x4_s(Plane.byte(value0), Plane.byte(value1)),
    i16x8.narrow_i32x4_s(Plane.byte(value2), Plane.byte(value3)),
  );
  v128.store(target, Simd.dropFourth(pixels));
  const least = i32x4.splat(2 * UNSURE + 1);
  const fraction0 = Plane.fraction(value0);
  const fraction1 = Plane.fraction(value1);
  const fraction2 = Plane.fraction(value2);
  const fraction3 = Plane.fraction(value3);
  const nearest = i32x4.min_s(i32x4.min_s(fraction0, fraction1), i32x4.min_s(fraction2, fraction3));
  if ((i32x4.bitmask(i32x4.lt_s(nearest, least)) & 7) === 0) return;
  const near = i8x16.narrow_i16x8_s(
    i16x8.narrow_i32x4_s(i32x4.lt_s(fraction0, least), i32x4.lt_s(fraction1, least)),
    i16x8.narrow_i32x4_s(i32x4.lt_s(fraction2, least), i32x4.lt_s(fraction3, least)),
  );
  const open = i8x16.bitmask(near);
  for (let i = 0; i < 4; i++) {
    const channels = (open >> (4 * i)) & 7;
    if (channels !== 0) settle(i, channels, column + i, row, target + <usize>(3 * i));
  }
}

/** Sixteen equal neighbors of a channel give that value exactly; without this test flat areas would be slow. */
function settle(i: i32, channels: i32, column: i32, row: i32, target: usize): void {
  const p = load<usize>(group + ((<usize>i) << 2));
  const top = v128.load(p);
  const same = v128.and(
    v128.and(i8x16.eq(top, v128.load(p + stride)), i8x16.eq(top, v128.load(p + 2 * stride))),
    i8x16.eq(top, v128.load(p + 3 * stride)),
  );
  const down = i8x16.bitmask(same);
  const across = i8x16.bitmask(i8x16.eq(top, v128.load(p, 3)));
  const flat = down & (down >> 3) & (down >> 6) & (down >> 9) & across & (across >> 3) & (across >> 6);
  if ((channels & ~flat) !== 0) {
    exactPixel(column, row, target);
    return;
  }
  for (let channel: usize = 0; channel < 3; channel++)
    if ((flat >> <i32>channel) & 1) store<u8>(target + channel, load<u8>(p + channel));
}
