// Gaussian blur: three box filters along the rows, then three along the columns, as Pillow's ImageFilter.GaussianBlur
// (BoxBlur.c). A box of fractional radius gives the pixels at its two ends less weight. Arithmetic is unsigned 8.24
// fixed point; every pass rounds to bytes, as Pillow's does. Scalar reference: blurLinesScalar.
//
// How it is fast: the sum over a box slides, one pixel enters and one leaves, so a pass costs the same at every radius.
// Lines are unpacked to one vector of u32 per pixel (rows: r, g, b; columns: four adjacent bytes) with their ends
// repeated, so that the loop has no border to test for.

import { fail, reserve } from "../call";
import { Region, Status } from "../contract";

const PASSES: i32 = 3;

/**
 * Box radius whose three passes approximate a Gaussian of standard deviation `radius`. Gwosdek et al., eq. 7, 11, 14.
 */
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

/** Repeats the first and the last vector `reach` times outward. */
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

function valueAt(line: usize, at: i32, length: i32): u32 {
  return <u32>load<u8>(line + <usize>min(max(at, 0), length - 1));
}

/** One pass, one value at a time: each is the sum over its own box, the ends of the line repeated. */
function boxPassScalar(from: usize, to: usize, length: i32, radius: i32, weight: u32, endWeight: u32): void {
  for (let x = 0; x < length; x++) {
    let sum: u32 = 0;
    for (let at = x - radius; at <= x + radius; at++) sum += valueAt(from, at, length);
    const ends = valueAt(from, x - radius - 1, length) + valueAt(from, x + radius + 1, length);
    store<u8>(to + <usize>x, <u8>((sum * weight + ends * endWeight + (1 << 23)) >> 24));
  }
}

/**
 * Scalar reference: `lines` lines `lineStep` bytes apart, each of `length` values `step` bytes apart in each of
 * `channels` adjacent bytes; three passes in place. `scratch` holds two lines of bytes.
 */
function blurLinesScalar(
  pixels: usize,
  lines: i32,
  lineStep: usize,
  length: i32,
  step: usize,
  channels: i32,
  scratch: usize,
  radius: i32,
  weight: u32,
  endWeight: u32,
): void {
  const other = scratch + <usize>length;
  for (let i = 0; i < lines; i++)
    for (let channel = 0; channel < channels; channel++) {
      const first = pixels + <usize>i * lineStep + <usize>channel;
      for (let x = 0; x < length; x++) store<u8>(scratch + <usize>x, load<u8>(first + <usize>x * step));
      boxPassScalar(scratch, other, length, radius, weight, endWeight);
      boxPassScalar(other, scratch, length, radius, weight, endWeight);
      boxPassScalar(scratch, other, length, radius, weight, endWeight);
      for (let x = 0; x < length; x++) store<u8>(first + <usize>x * step, load<u8>(other + <usize>x));
    }
}

/** u8 [height, width, 3] at `pixels`, in place; `radius` in pixels. `scalar` runs the scalar reference. */
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
