// Blend: Mixup of two pictures in bytes, ⌊λ·a + (1 − λ)·b + ½⌋, every step rounded to double. Two values at a time,
// bit for bit as its scalar twin: WebAssembly has no fused multiply-add here, and vector operations round alike.

/** 2⁵²: added to a whole number below 2³², it leaves that number in the low half of the double. */
const MAGIC: f64 = 4503599627370496.0;

/** a ← blend of a and b, u8 [bytes], one value at a time. */
export function blendScalar(a: usize, b: usize, bytes: usize, lambda: f64): void {
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
  return f64x2.add(f64x2.floor(f64x2.add(mixed, f64x2.splat(0.5))), f64x2.splat(MAGIC));
}

/** Four u32 lanes of each → four blended u32 lanes. */
function blendFour(a: v128, b: v128, lambda: v128, rest: v128): v128 {
  const front = blendPair(a, b, lambda, rest);
  const upperA = i64x2.shuffle(a, a, 1, 1);
  const upperB = i64x2.shuffle(b, b, 1, 1);
  return i32x4.shuffle(front, blendPair(upperA, upperB, lambda, rest), 0, 2, 4, 6);
}

/** a ← blend of a and b, u8 [bytes]. */
export function blend(a: usize, b: usize, bytes: usize, lambda: f64): void {
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
