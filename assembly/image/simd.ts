// SIMD: two operations that relaxed SIMD does in one instruction and plain SIMD in up to five, because it defines
// inputs that never occur here. Both give the same bits. `RELAXED` is defined in the build image.relaxed.wasm.

export class Simd {
  /** (a·b + 2¹⁴) >> 15 of eight i16; a and b are not both −32768. */
  @inline static q15(a: v128, b: v128): v128 {
    if (isDefined(RELAXED)) return i16x8.relaxed_q15mulr_s(a, b);
    return i16x8.q15mulr_sat_s(a, b);
  }

  /** Bytes of `a` by the places in `order`, 0 … 15; what stands at another place is undefined. */
  @inline static pick(a: v128, order: v128): v128 {
    if (isDefined(RELAXED)) return i8x16.relaxed_swizzle(a, order);
    return i8x16.swizzle(a, order);
  }
}
