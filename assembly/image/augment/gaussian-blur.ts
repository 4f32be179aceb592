// Gaussian blur: three box filters along the rows, then three along the columns, as Pillow's ImageFilter.GaussianBlur
// (BoxBlur.c). Twin: gaussian-blur-scalar.ts.
//
// A box of fractional radius weighs the pixels at its two ends less. The sum over a box slides: one pixel enters, one
// leaves, so a pass costs the same at every radius. Lines are unpacked to one vector of u32 a pixel (rows: r, g, b;
// columns: four bytes side by side) with their ends repeated, so that the loop has no border to look at. Arithmetic
// is unsigned 8.24 fixed point; every pass rounds to bytes, as Pillow's does.

import { reserve } from "../memory";
import { fail } from "../outcome";
import { Region } from "../regions";
import { Status } from "../status";
import { blurLinesScalar } from "./gaussian-blur-scalar";

const PASSES: i32 = 3;

/** Box that three passes of are like a bell of standard deviation `radius`, in float. Gwosdek et al., eq. 7, 11, 14. */
function boxRadius(radius: f32): f32 {
  const variance: f32 = (radius * radius) / <f32>PASSES;
  const length = <f32>Math.sqrt(12.0 * <f64>variance + 1.0);
  const whole = <f32>Math.floor((<f64>length - 1.0) / 2.0);
  const next: f32 = whole + 1;
  let part: f32 = (2 * whole + 1) * (whole * next - 3 * variance);
  part /= 6 * (variance - next * next);
  return whole + part;
}

/** u32 [length] vectors at `from`, `reach` more on either side readable → u32 [length] at `to`: one pass. */
function boxPass(from: usize, to: usize, length: i32, reach: i32, weight: u32, endWeight: u32): void {
  const before = from - ((<usize>reach) << 4);
  let sum = i32x4.splat(0);
  for (let i = 0; i < 2 * reach - 1; i++) sum = i32x4.add(sum, v128.load(before + ((<usize>i) << 4)));
  const weights = i32x4.splat(weight);
  const endWeights = i32x4.splat(endWeight);
  const half = i32x4.splat(1 << 23);
  // The sum now covers pixels −reach … reach − 2: the box around the pixel before the first.
  let leaving = before;
  let entering = from + ((<usize>(reach - 1)) << 4);
  for (let x = 0; x < length; x++) {
    const left = v128.load(leaving);
    sum = i32x4.add(sum, i32x4.sub(v128.load(entering), left));
    const ends = i32x4.add(left, v128.load(entering, 16));
    const scaled = i32x4.add(i32x4.mul(sum, weights), i32x4.mul(ends, endWeights));
    v128.store(to, i32x4.shr_u(i32x4.add(scaled, half), 24));
    leaving += 16;
    entering += 16;
    to += 16;
  }
}

/** Repeats the first and the last vector `reach` times outwards. */
function repeatEnds(line: usize, length: i32, reach: i32): void {
  const first = v128.load(line);
  const end = line + ((<usize>length) << 4);
  const last = v128.load(end - 16);
  for (let i = 0; i < reach; i++) {
    v128.store(line - ((<usize>(i + 1)) << 4), first);
    v128.store(end + ((<usize>i) << 4), last);
  }
}

/** `length` pixels of up to four bytes, `step` bytes apart, blurred in place; `bytes` of each are stored. */
function blurLine(
  pixels: usize,
  length: i32,
  step: usize,
  bytes: i32,
  line: usize,
  spare: usize,
  reach: i32,
  weight: u32,
  endWeight: u32,
): void {
  let at = pixels;
  for (let i = 0; i < length; i++, at += step)
    v128.store(
      line + ((<usize>i) << 4),
      i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(at))),
    );
  for (let pass = 0; pass < PASSES; pass++) {
    repeatEnds(line, length, reach);
    boxPass(line, spare, length, reach, weight, endWeight);
    const other = line;
    line = spare;
    spare = other;
  }
  at = pixels;
  for (let i = 0; i < length; i++, at += step) {
    const words = v128.load(line + ((<usize>i) << 4));
    const halves = i16x8.narrow_i32x4_s(words, words);
    const packed = i32x4.extract_lane(i8x16.narrow_i16x8_u(halves, halves), 0);
    if (bytes === 4) store<u32>(at, packed);
    else for (let byte = 0; byte < bytes; byte++) store<u8>(at + <usize>byte, <u8>(packed >> (byte << 3)));
  }
}

/** u8 [height, width, 3] at `pixels`, in place; `radius` in pixels. */
export function gaussianBlur(pixels: usize, width: i32, height: i32, radius: f32, scalar: bool): Status {
  const box = boxRadius(radius);
  const whole = <i32>box;
  const weight = <u32>(<f32>(1 << 24) / (box * 2 + 1));
  const endWeight = (<u32>(1 << 24) - <u32>(whole * 2 + 1) * weight) / 2;
  const reach = whole + 1;
  const room = (<usize>(max(width, height) + 2 * reach)) << 4;
  const scratch = reserve(Region.Scratch, 2 * room);
  if (scratch === 0) return fail(Status.OutOfMemory, 0);
  const stride = <usize>width * 3;
  if (scalar) {
    blurLinesScalar(pixels, height, stride, width, 3, 3, scratch, whole, weight, endWeight);
    blurLinesScalar(pixels, 1, 0, height, stride, width * 3, scratch, whole, weight, endWeight);
    return Status.Ok;
  }
  const line = scratch + ((<usize>reach) << 4);
  const spare = line + room;
  for (let y = 0; y < height; y++)
    blurLine(pixels + <usize>y * stride, width, 3, 3, line, spare, reach, weight, endWeight);
  for (let x: i32 = 0; x < width * 3; x += 4)
    blurLine(pixels + <usize>x, height, stride, min(4, width * 3 - x), line, spare, reach, weight, endWeight);
  return Status.Ok;
}
