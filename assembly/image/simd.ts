// SIMD: vector steps that several kernels share.
//
// Relaxed SIMD does two of them in one instruction each where plain SIMD needs up to five, because plain SIMD defines
// inputs that never occur here. Both builds give the same bits. `RELAXED` is defined in the build image.relaxed.wasm.

/** Moves bytes 0–2, 4–6, 8–10, 12–14 to the front: R G B 0 of four pixels → twelve bytes. 128 selects nothing. */
const DROP_FOURTH: usize = memory.data<u8>([0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 128, 128, 128, 128], 16);

export class Simd {
  /** (a·b + 2¹⁴) >> 15 of eight i16; a and b are not both −32768. */
  @inline static q15(a: v128, b: v128): v128 {
    if (isDefined(RELAXED)) return i16x8.relaxed_q15mulr_s(a, b);
    return i16x8.q15mulr_sat_s(a, b);
  }

  /** Bytes of `a` selected by `order`, 0 … 15; the result of any other index is undefined. */
  @inline static pick(a: v128, order: v128): v128 {
    if (isDefined(RELAXED)) return i8x16.relaxed_swizzle(a, order);
    return i8x16.swizzle(a, order);
  }

  /** (a₀, b₀, a₁, b₁, …): the first eight bytes of each, interleaved. */
  @inline static zipLow(a: v128, b: v128): v128 {
    return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  }

  /** (a₈, b₈, a₉, b₉, …): the last eight bytes of each, interleaved. */
  @inline static zipHigh(a: v128, b: v128): v128 {
    return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  }

  /** (a₀, b₀, a₁, b₁, a₂, b₂, a₃, b₃) of 16-bit lanes. */
  @inline static zipLow16(a: v128, b: v128): v128 {
    return i16x8.shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  }

  /** (a₄, b₄, a₅, b₅, a₆, b₆, a₇, b₇) of 16-bit lanes. */
  @inline static zipHigh16(a: v128, b: v128): v128 {
    return i16x8.shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
  }

  /** Four pixels of four bytes each → the first three bytes of each, in the first twelve bytes. */
  @inline static dropFourth(pixels: v128): v128 {
    return Simd.pick(pixels, v128.load(DROP_FOURTH));
  }
}
