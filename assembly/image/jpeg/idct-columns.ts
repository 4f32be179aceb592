// IDCT columns: the first pass of the transform, all eight columns at once.
//
// Loeffler, Ligtenberg and Moschytz, "Practical fast 1-D DCT algorithms with 11 multiplications" (1989), with 13-bit
// constants; this pass keeps 2 extra bits. The second pass is idct-rows.ts; the scalar reference, with the butterflies
// as they are usually drawn, is idct-scalar.ts.
//
// How it is fast: every output of the odd half is a dot product of four inputs. Pairs of inputs are interleaved, so
// that one i32x4.dot_i16x8 does two multiplications and their sum: 12 dots a half, no separate multiplication.
//
//            in1·   in3·   in5·   in7·        even half:  t0 = (in0 + in4)·8192   t3 = in2·10703 + in6·4433
//   odd3    11363   9633   6437   2260                    t1 = (in0 − in4)·8192   t2 = in2·4433  − in6·10704
//   odd2     9633  −2259 −11362  −6436        out0,7 = t0 + t3 ± odd3    out1,6 = t1 + t2 ± odd2
//   odd1     6437 −11362   2261   9633        out3,4 = t0 − t3 ± odd0    out2,5 = t1 − t2 ± odd1
//   odd0     2260  −6436   9633 −11363

import { Simd } from "../simd";

/**
 * Pairs of 16-bit factors, each repeated to a vector, by byte offset. In memory, because V8 would rebuild a v128.const
 * at every use. The fixed-point forms are sums of libjpeg's rounded constants: that is why ±1 apart occurs.
 */
// biome-ignore format: one pair a line, with its decimal form
export const FACTORS: usize = memory.data<i16>(
  [
    // fixed point, 2¹³                                                  decimal
      8192,   8192,   8192,   8192,   8192,   8192,   8192,   8192, //    0  in0, in4:  1             1
      8192,  -8192,   8192,  -8192,   8192,  -8192,   8192,  -8192, //   16             1            -1
     10703,   4433,  10703,   4433,  10703,   4433,  10703,   4433, //   32  in2, in6:  1.306562965   0.541196100
      4433, -10704,   4433, -10704,   4433, -10704,   4433, -10704, //   48             0.541196100  -1.306562965
     11363,   9633,  11363,   9633,  11363,   9633,  11363,   9633, //   64  in1, in3:  1.387039845   1.175875602
      6437,   2260,   6437,   2260,   6437,   2260,   6437,   2260, //   80  in5, in7:  0.785694958   0.275899379
      9633,  -2259,   9633,  -2259,   9633,  -2259,   9633,  -2259, //   96  in1, in3:  1.175875602  -0.275899379
    -11362,  -6436, -11362,  -6436, -11362,  -6436, -11362,  -6436, //  112  in5, in7: -1.387039845  -0.785694958
      6437, -11362,   6437, -11362,   6437, -11362,   6437, -11362, //  128  in1, in3:  0.785694958  -1.387039845
      2261,   9633,   2261,   9633,   2261,   9633,   2261,   9633, //  144  in5, in7:  0.275899379   1.175875602
      2260,  -6436,   2260,  -6436,   2260,  -6436,   2260,  -6436, //  160  in1, in3:  0.275899379  -0.785694958
      9633, -11363,   9633, -11363,   9633, -11363,   9633, -11363, //  176  in5, in7:  1.175875602  -1.387039845
      8192,  10703,   8192,  10703,   8192,  10703,   8192,  10703, //  192  in0, in2:  1             1.306562965
      8192,   4433,   8192,   4433,   8192,   4433,   8192,   4433, //  208             1             0.541196100
      8192, -10703,   8192, -10703,   8192, -10703,   8192, -10703, //  224             1            -1.306562965
      8192,  -4433,   8192,  -4433,   8192,  -4433,   8192,  -4433, //  240             1            -0.541196100
  ],
  16,
);

/** ½ of what this pass shifts away. */
export const ROUND: usize = memory.data<i32>([1024, 1024, 1024, 1024], 16);
export const SHIFT: i32 = 11;

/** i16 [8, 8]: the output of this pass and the input of the next. */
export const work: usize = memory.data(128, 64);

export class Columns {
  /** All 64 coefficients, eight columns at once: writes rows 0 … 7 to `work`, columns in the order 0 2 1 3, 4 6 5 7. */
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
    let a = Columns.lowColumns(in0, in4);
    let b = Columns.lowColumns(in2, in6);
    let c = Columns.lowColumns(in1, in3);
    let d = Columns.lowColumns(in5, in7);
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
    const low0 = Columns.sum(s0, odd);
    const low7 = Columns.difference(s0, odd);
    odd = i32x4.add(
      i32x4.dot_i16x8_s(c, v128.load(FACTORS, 96)),
      i32x4.dot_i16x8_s(d, v128.load(FACTORS, 112)),
    );
    const low1 = Columns.sum(s1, odd);
    const low6 = Columns.difference(s1, odd);
    odd = i32x4.add(
      i32x4.dot_i16x8_s(c, v128.load(FACTORS, 128)),
      i32x4.dot_i16x8_s(d, v128.load(FACTORS, 144)),
    );
    const low2 = Columns.sum(s2, odd);
    const low5 = Columns.difference(s2, odd);
    odd = i32x4.add(
      i32x4.dot_i16x8_s(c, v128.load(FACTORS, 160)),
      i32x4.dot_i16x8_s(d, v128.load(FACTORS, 176)),
    );
    const low3 = Columns.sum(s3, odd);
    const low4 = Columns.difference(s3, odd);
    a = Columns.highColumns(in0, in4);
    b = Columns.highColumns(in2, in6);
    c = Columns.highColumns(in1, in3);
    d = Columns.highColumns(in5, in7);
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
    v128.store(work, i16x8.narrow_i32x4_s(low0, Columns.sum(s0, odd)));
    v128.store(work, i16x8.narrow_i32x4_s(low7, Columns.difference(s0, odd)), 112);
    odd = i32x4.add(
      i32x4.dot_i16x8_s(c, v128.load(FACTORS, 96)),
      i32x4.dot_i16x8_s(d, v128.load(FACTORS, 112)),
    );
    v128.store(work, i16x8.narrow_i32x4_s(low1, Columns.sum(s1, odd)), 16);
    v128.store(work, i16x8.narrow_i32x4_s(low6, Columns.difference(s1, odd)), 96);
    odd = i32x4.add(
      i32x4.dot_i16x8_s(c, v128.load(FACTORS, 128)),
      i32x4.dot_i16x8_s(d, v128.load(FACTORS, 144)),
    );
    v128.store(work, i16x8.narrow_i32x4_s(low2, Columns.sum(s2, odd)), 32);
    v128.store(work, i16x8.narrow_i32x4_s(low5, Columns.difference(s2, odd)), 80);
    odd = i32x4.add(
      i32x4.dot_i16x8_s(c, v128.load(FACTORS, 160)),
      i32x4.dot_i16x8_s(d, v128.load(FACTORS, 176)),
    );
    v128.store(work, i16x8.narrow_i32x4_s(low3, Columns.sum(s3, odd)), 48);
    v128.store(work, i16x8.narrow_i32x4_s(low4, Columns.difference(s3, odd)), 64);
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
    const pairs = Simd.zipLow16(a, b);
    return v128.shuffle<i32>(pairs, pairs, 0, 2, 1, 3);
  }

  /** Pairs of columns 4 6 5 7. */
  @inline static highColumns(a: v128, b: v128): v128 {
    const pairs = Simd.zipHigh16(a, b);
    return v128.shuffle<i32>(pairs, pairs, 0, 2, 1, 3);
  }

  /** Row `index` of the block, dequantized; products wrap to 16 bits as in libjpeg's SIMD code. */
  @inline static row(block: usize, multipliers: usize, index: usize): v128 {
    return i16x8.mul(v128.load(block + index * 16), v128.load(multipliers + index * 16));
  }
}
