// Dot: products of sixteen bytes, four and four of them added up.

export class Dot {
  /**
   * sums i32 [4] + Σ over four of a (int8) · b (0 … 127). One instruction in the relaxed build, which engines must compute
   * exactly where b has seven bits; extended to 16 bits in the plain one.
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
