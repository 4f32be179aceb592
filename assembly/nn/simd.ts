// Four float32 at once: multiply-add, exponential, sums across lanes, and the last 1–3 values of an array.

// Order: lowest argument, log2 e, ln 2 in two parts (the first has 9 bits, so that n·high is exact), Cephes' expf
// polynomial from the highest power down, and 1.5·2²³: a float32 of that size has no fractional bits, so adding it
// rounds to an integer, which is then in the lowest bits. The last is 1.
const EXP: usize = memory.data<f32>(
  [
    -87.33654, 1.4426950408889634, 0.693359375, -2.1219444e-4, 1.98756915e-4, 1.3981999507e-3,
    8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1.2582912e7, 1.0,
  ],
  16,
);

/**
 * Inlined operations on four lanes (asc is sure to inline only marked functions, and Biome parses decorators on methods
 * only).
 */
export class Float4 {
  /** a·b + c; one instruction in the relaxed build, two roundings in the plain one. */
  @inline
  static madd(a: v128, b: v128, c: v128): v128 {
    if (isDefined(RELAXED)) return f32x4.relaxed_madd(a, b, c);
    return f32x4.add(f32x4.mul(a, b), c);
  }

  /**
   * Value i of a table in all lanes. A load is cheaper than v128.const, which V8 rebuilds in each iteration of a loop.
   */
  @inline
  static constant(table: usize, i: usize): v128 {
    return v128.load32_splat(table + (i << 2));
  }

  /**
   * eˣ for x ≤ 88; 0 below −87.3, where the result would be denormal; NaN stays NaN.
   * Within 2 units of the last place (x = n·ln 2 + r, |r| ≤ ½ ln 2, Cephes' polynomial of degree 7 in r).
   */
  @inline
  static exp(x: v128): v128 {
    const lowest = Float4.constant(EXP, 0);
    const whole = Float4.constant(EXP, 10);
    // pmax, the rounding by addition and the shift are one instruction each; max, nearest and trunc_sat take V8
    // several.
    const bounded = f32x4.pmax(x, lowest);
    const shifted = f32x4.add(f32x4.mul(bounded, Float4.constant(EXP, 1)), whole);
    const n = f32x4.sub(shifted, whole);
    let r = f32x4.sub(bounded, f32x4.mul(n, Float4.constant(EXP, 2)));
    r = f32x4.sub(r, f32x4.mul(n, Float4.constant(EXP, 3)));
    // Estrin's order: three independent products instead of a chain of five.
    const r2 = f32x4.mul(r, r);
    const c45 = Float4.madd(Float4.constant(EXP, 4), r, Float4.constant(EXP, 5));
    const c23 = Float4.madd(Float4.constant(EXP, 6), r, Float4.constant(EXP, 7));
    const c01 = Float4.madd(Float4.constant(EXP, 8), r, Float4.constant(EXP, 9));
    const p = Float4.madd(Float4.madd(c45, r2, c23), r2, c01);
    const one = Float4.constant(EXP, 11);
    const y = f32x4.add(Float4.madd(p, r2, r), one);
    const power = i32x4.add(i32x4.shl(shifted, 23), one);
    return v128.andnot(f32x4.mul(y, power), f32x4.lt(x, lowest));
  }
}

/** Sum of four lanes, always in the same order. */
export function sum4(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) +
    f32x4.extract_lane(v, 1) +
    (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3))
  );
}

/** Largest of four lanes; NaN where one is. */
export function max4(v: v128): f32 {
  return max<f32>(
    max<f32>(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)),
    max<f32>(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)),
  );
}

/** The last `count` (1–3) values of an array, without reading beyond its end; the other lanes are `fill`. */
export function loadTail(pointer: usize, count: usize, fill: f32): v128 {
  let v = f32x4.splat(fill);
  v = v128.load32_lane(pointer, v, 0);
  if (count > 1) v = v128.load32_lane(pointer + 4, v, 1);
  if (count > 2) v = v128.load32_lane(pointer + 8, v, 2);
  return v;
}

/** Writes the first `count` (1–3) lanes. */
export function storeTail(pointer: usize, v: v128, count: usize): void {
  v128.store32_lane(pointer, v, 0);
  if (count > 1) v128.store32_lane(pointer + 4, v, 1);
  if (count > 2) v128.store32_lane(pointer + 8, v, 2);
}

/** Products of sixteen bytes, added up in groups of four. */
export class Dot {
  /**
   * sums i32 [4] + Σ over four of a (int8) · b (0 … 127). One instruction in the relaxed build, which engines must
   * compute exactly where b has seven bits; extended to 16 bits in the plain one.
   */
  @inline
  static fours(a: v128, b: v128, sums: v128): v128 {
    if (isDefined(RELAXED)) return i32x4.relaxed_dot_i8x16_i7x16_add_s(a, b, sums);
    const low = i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(a), i16x8.extend_low_i8x16_s(b));
    const high = i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(a), i16x8.extend_high_i8x16_s(b));
    const even = v128.shuffle<i32>(low, high, 0, 2, 4, 6);
    const odd = v128.shuffle<i32>(low, high, 1, 3, 5, 7);
    return i32x4.add(sums, i32x4.add(even, odd));
  }
}
