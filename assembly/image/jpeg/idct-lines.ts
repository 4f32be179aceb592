// IDCT lines: the first pass of the transform, all columns at once, and the arithmetic behind it.
//
// Loeffler, Ligtenberg and Moschytz 1989 with 13-bit constants; this pass keeps 2 extra bits. Every output of the odd
// half is a dot product of four inputs, and pairs of inputs lie interleaved, so that one i32x4.dot_i16x8 does two
// multiplications and their sum: 12 dots a half, no separate multiplication. The second pass is idct-rows.ts; the
// scalar twin, with the butterflies as they are usually drawn, is idct-scalar.ts.
//
//            in1·   in3·   in5·   in7·        even half:  t0 = (in0 + in4)·8192   t3 = in2·10703 + in6·4433
//   odd3    11363   9633   6437   2260                    t1 = (in0 − in4)·8192   t2 = in2·4433  − in6·10704
//   odd2     9633  −2259 −11362  −6436        out0,7 = t0 + t3 ± odd3    out1,6 = t1 + t2 ± odd2
//   odd1     6437 −11362   2261   9633        out3,4 = t0 − t3 ± odd0    out2,5 = t1 − t2 ± odd1
//   odd0     2260  −6436   9633 −11363

/** Pairs of 16-bit factors, each repeated to a vector. In memory: V8 would rebuild v128.const at every use. */
export const FACTORS: usize = memory.data<i16>(
  [
    8192, 8192, 8192, 8192, 8192, 8192, 8192, 8192, 8192, -8192, 8192, -8192, 8192, -8192, 8192, -8192, 10703,
    4433, 10703, 4433, 10703, 4433, 10703, 4433, 4433, -10704, 4433, -10704, 4433, -10704, 4433, -10704,
    11363, 9633, 11363, 9633, 11363, 9633, 11363, 9633, 6437, 2260, 6437, 2260, 6437, 2260, 6437, 2260, 9633,
    -2259, 9633, -2259, 9633, -2259, 9633, -2259, -11362, -6436, -11362, -6436, -11362, -6436, -11362, -6436,
    6437, -11362, 6437, -11362, 6437, -11362, 6437, -11362, 2261, 9633, 2261, 9633, 2261, 9633, 2261, 9633,
    2260, -6436, 2260, -6436, 2260, -6436, 2260, -6436, 9633, -11363, 9633, -11363, 9633, -11363, 9633,
    -11363, 8192, 10703, 8192, 10703, 8192, 10703, 8192, 10703, 8192, 4433, 8192, 4433, 8192, 4433, 8192,
    4433, 8192, -10703, 8192, -10703, 8192, -10703, 8192, -10703, 8192, -4433, 8192, -4433, 8192, -4433, 8192,
    -4433,
  ],
  16,
);

export const ROUND: usize = memory.data<i32>([1024, 1024, 1024, 1024], 16);
export const SHIFT: i32 = 11;

/** i16 [8, 8]: what one pass leaves for the next. */
export const work: usize = memory.data(128, 64);

export class Lines {
  /** All 64 coefficients, eight columns at once: writes rows 0 … 7 to `work`. */
  @inline static full(
    in0: v128,
    in1: v128,
    in2: v128,
    in3: v128,
    in4: v128,
    in5: v128,
    in6: v128,
    in7: v128,
  ): void {
    let a = Lines.lowColumns(in0, in4);
    let b = Lines.lowColumns(in2, in6);
    let c = Lines.lowColumns(in1, in3);
    let d = Lines.lowColumns(in5, in7);
    const round = v128.load(ROUND);
    let t0 = i32x4.add(i32x4.dot_i16x8_s(a, v128.load(FACTORS)), round);
    let t1 = i32x4.add(i32x4.dot_i16x8_s(a, v128.load(FACTORS, 16)), round);
    let t3 = i32x4.dot_i16x8_s(b, v128.load(FACTORS, 32));
    let t2 = i32x4.dot_i16x8_s(b, v128.load(FACTORS, 48));
    let s0 = i32x4.add(t0, t3);
    let s3 = i32x4.sub(t0, t3);
    let s1 = i32x4.add(t1, t2);
    let s2 = i32x4.sub(t1, t2);
    let odd = i32x4.add(
      i32x4.dot_i16x8_s(c, v128.load(FACTORS, 64)),
      i32x4.dot_i16x8_s(d, v128.load(FACTORS, 80)),
    );
    const low0 = Lines.sum(s0, odd);
    const low7 = Lines.difference(s0, odd);
    odd = i32x4.add(
      i32x4.dot_i16x8_s(c, v128.load(FACTORS, 96)),
      i32x4.dot_i16x8_s(d, v128.load(FACTORS, 112)),
    );
    const low1 = Lines.sum(s1, odd);
    const low6 = Lines.difference(s1, odd);
    odd = i32x4.add(
      i32x4.dot_i16x8_s(c, v128.load(FACTORS, 128)),
      i32x4.dot_i16x8_s(d, v128.load(FACTORS, 144)),
    );
    const low2 = Lines.sum(s2, odd);
    const low5 = Lines.difference(s2, odd);
    odd = i32x4.add(
      i32x4.dot_i16x8_s(c, v128.load(FACTORS, 160)),
      i32x4.dot_i16x8_s(d, v128.load(FACTORS, 176)),
    );
    const low3 = Lines.sum(s3, odd);
    const low4 = Lines.difference(s3, odd);
    a = Lines.highColumns(in0, in4);
    b = Lines.highColumns(in2, in6);
    c = Lines.highColumns(in1, in3);
    d = Lines.highColumns(in5, in7);
    t0 = i32x4.add(i32x4.dot_i16x8_s(a, v128.load(FACTORS)), round);
    t1 = i32x4.add(i32x4.dot_i16x8_s(a, v128.load(FACTORS, 16)), round);
    t3 = i32x4.dot_i16x8_s(b, v128.load(FACTORS, 32));
    t2 = i32x4.dot_i16x8_s(b, v128.load(FACTORS, 48));
    s0 = i32x4.add(t0, t3);
    s3 = i32x4.sub(t0, t3);
    s1 = i32x4.add(t1, t2);
    s2 = i32x4.sub(t1, t2);
    odd = i32x4.add(
      i32x4.dot_i16x8_s(c, v128.load(FACTORS, 64)),
      i32x4.dot_i16x8_s(d, v128.load(FACTORS, 80)),
    );
    v128.store(work, i16x8.narrow_i32x4_s(low0, Lines.sum(s0, odd)));
    v128.store(work, i16x8.narrow_i32x4_s(low7, Lines.difference(s0, odd)), 112);
    odd = i32x4.add(
      i32x4.dot_i16x8_s(c, v128.load(FACTORS, 96)),
      i32x4.dot_i16x8_s(d, v128.load(FACTORS, 112)),
    );
    v128.store(work, i16x8.narrow_i32x4_s(low1, Lines.sum(s1, odd)), 16);
    v128.store(work, i16x8.narrow_i32x4_s(low6, Lines.difference(s1, odd)), 96);
    odd = i32x4.add(
      i32x4.dot_i16x8_s(c, v128.load(FACTORS, 128)),
      i32x4.dot_i16x8_s(d, v128.load(FACTORS, 144)),
    );
    v128.store(work, i16x8.narrow_i32x4_s(low2, Lines.sum(s2, odd)), 32);
    v128.store(work, i16x8.narrow_i32x4_s(low5, Lines.difference(s2, odd)), 80);
    odd = i32x4.add(
      i32x4.dot_i16x8_s(c, v128.load(FACTORS, 160)),
      i32x4.dot_i16x8_s(d, v128.load(FACTORS, 176)),
    );
    v128.store(work, i16x8.narrow_i32x4_s(low3, Lines.sum(s3, odd)), 48);
    v128.store(work, i16x8.narrow_i32x4_s(low4, Lines.difference(s3, odd)), 64);
  }

  /** Rows r and 7 − r of four columns. */
  @inline static sum(even: v128, odd: v128): v128 {
    return i32x4.shr_s(i32x4.add(even, odd), SHIFT);
  }

  @inline static difference(even: v128, odd: v128): v128 {
    return i32x4.shr_s(i32x4.sub(even, odd), SHIFT);
  }

  /** Pairs of columns 0 2 1 3. */
  @inline static lowColumns(a: v128, b: v128): v128 {
    const pairs = Lines.low(a, b);
    return v128.shuffle<i32>(pairs, pairs, 0, 2, 1, 3);
  }

  /** Pairs of columns 4 6 5 7. */
  @inline static highColumns(a: v128, b: v128): v128 {
    const pairs = Lines.high(a, b);
    return v128.shuffle<i32>(pairs, pairs, 0, 2, 1, 3);
  }

  /** (a0, b0, a1, b1, a2, b2, a3, b3) */
  @inline static low(a: v128, b: v128): v128 {
    return v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  }

  /** (a4, b4, a5, b5, a6, b6, a7, b7) */
  @inline static high(a: v128, b: v128): v128 {
    return v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
  }

  /** Row `index` of the block, dequantized; products wrap to 16 bits as in libjpeg's SIMD code. */
  @inline static row(block: usize, multipliers: usize, index: usize): v128 {
    return i16x8.mul(v128.load(block + index * 16), v128.load(multipliers + index * 16));
  }
}
