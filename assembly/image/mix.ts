// Mix: Mixup and CutMix over a batch in place. Sample b is mixed with sample count − 1 − b, both read unmixed.
//
// A Mixup value is ⌊λ·a + (1 − λ)·b + ½⌋ with every step rounded to double. How it is fast: two doubles at a time;
// plain vector operations round exactly as scalar ones do, and WebAssembly fuses no multiply-add here, so the bits
// are the same. Scalar reference: blendScalar.

import { fail, regionStart, reserve } from "./call";
import { MIX_FIELDS, MixKind, Region, Status } from "./contract";

/** 2⁵²: added to a whole number below 2³², it leaves that number in the low half of the double. */
const INTEGER_IN_LOW_HALF: f64 = 4503599627370496.0;

/** a ← blend of a and b, u8 [bytes], one value at a time. */
function blendScalar(a: usize, b: usize, bytes: usize, lambda: f64): void {
  const rest = 1.0 - lambda;
  for (let i: usize = 0; i < bytes; i++) {
    const mixed = lambda * <f64>load<u8>(a + i) + rest * <f64>load<u8>(b + i);
    store<u8>(a + i, <u8>Math.floor(mixed + 0.5));
  }
}

/** Two of the four u32 lanes in `a` and `b` → blended whole numbers in the low halves of two u64 lanes. */
function blendPair(a: v128, b: v128, lambda: v128, rest: v128): v128 {
  const mixed = f64x2.add(
    f64x2.mul(lambda, f64x2.convert_low_i32x4_u(a)),
    f64x2.mul(rest, f64x2.convert_low_i32x4_u(b)),
  );
  return f64x2.add(f64x2.floor(f64x2.add(mixed, f64x2.splat(0.5))), f64x2.splat(INTEGER_IN_LOW_HALF));
}

/** Four u32 lanes of each → four blended u32 lanes. */
function blendFour(a: v128, b: v128, lambda: v128, rest: v128): v128 {
  const front = blendPair(a, b, lambda, rest);
  const upperA = i64x2.shuffle(a, a, 1, 1);
  const upperB = i64x2.shuffle(b, b, 1, 1);
  return i32x4.shuffle(front, blendPair(upperA, upperB, lambda, rest), 0, 2, 4, 6);
}

/** a ← blend of a and b, u8 [bytes]. */
function blend(a: usize, b: usize, bytes: usize, lambda: f64): void {
  const own = f64x2.splat(lambda);
  const rest = f64x2.splat(1.0 - lambda);
  let i: usize = 0;
  for (; i + 8 <= bytes; i += 8) {
    const wideA = v128.load8x8_u(a + i);
    const wideB = v128.load8x8_u(b + i);
    const front = blendFour(i32x4.extend_low_i16x8_u(wideA), i32x4.extend_low_i16x8_u(wideB), own, rest);
    const back = blendFour(i32x4.extend_high_i16x8_u(wideA), i32x4.extend_high_i16x8_u(wideB), own, rest);
    const words = i16x8.narrow_i32x4_s(front, back);
    v128.store64_lane(a + i, i8x16.narrow_i16x8_u(words, words), 0);
  }
  blendScalar(a + i, b + i, bytes - i, lambda);
}

function field(sample: i32, at: usize): f64 {
  return load<f64>(regionStart(Region.Parameters) + ((<usize>sample * <usize>MIX_FIELDS + at) << 3));
}

function mixOne(sample: i32, own: usize, other: usize, size: i32, scalar: bool): void {
  const kind = <MixKind>(<i32>field(sample, 0));
  const bytes = <usize>(size * size * 3);
  if (kind === MixKind.Mixup) {
    if (scalar) blendScalar(own, other, bytes, field(sample, 1));
    else blend(own, other, bytes, field(sample, 1));
  } else if (kind === MixKind.Cutmix) {
    const top = <i32>field(sample, 2);
    const height = <i32>field(sample, 4);
    const rowBytes = <usize>field(sample, 5) * 3;
    let at = <usize>(top * size + <i32>field(sample, 3)) * 3;
    for (let y = 0; y < height; y++) {
      memory.copy(own + at, other + at, rowBytes);
      at += <usize>size * 3;
    }
  }
}

/**
 * Mixes Region.Batch, u8 [count, size, size, 3], by the records in Region.Parameters. The middle sample of an odd count
 * has no partner. `scalar` runs the scalar reference.
 */
export function mixPixels(count: i32, size: i32, scalar: bool): Status {
  const bytes = <usize>(size * size * 3);
  const batch = regionStart(Region.Batch);
  const unmixed = reserve(Region.Scratch, bytes);
  if (unmixed === 0) return fail(Status.OutOfMemory, 0);
  for (let b = 0; b < count >> 1; b++) {
    const partner = count - 1 - b;
    const own = batch + <usize>b * bytes;
    const other = batch + <usize>partner * bytes;
    const partnerMixes = field(partner, 0) !== <f64>MixKind.None;
    if (partnerMixes) memory.copy(unmixed, own, bytes);
    mixOne(b, own, other, size, scalar);
    if (partnerMixes) mixOne(partner, other, unmixed, size, scalar);
  }
  return Status.Ok;
}
