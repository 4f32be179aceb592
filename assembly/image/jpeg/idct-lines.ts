// IDCT lines: one dimension of the transform for eight columns or rows at once, and the arithmetic behind it.
//
// Loeffler, Ligtenberg and Moschytz 1989 with 13-bit constants; the column pass keeps 2 extra bits. Every output of
// the odd half is a dot product of four inputs, and pairs of inputs lie interleaved, so that one i32x4.dot_i16x8
// does two multiplications and their sum: 12 dots a half, no separate multiplication. The scalar twin, with the
// butterflies as they are usually drawn, is idct-scalar.ts.
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

/** Rounding terms of the two passes, then 128 in every byte. */
export const ROUND_COLUMNS: usize = memory.data<i32>([1024, 1024, 1024, 1024], 16);
export const ROUND_ROWS: usize = memory.data<i32>([131072, 131072, 131072, 131072], 16);
const CENTER: usize = memory.data<i32>([0x80808080, 0x80808080, 0x80808080, 0x80808080], 16);

export const COLUMN_SHIFT: i32 = 11;
export const ROW_SHIFT: i32 = 18;

/** i16 [8, 8]: what one pass leaves for the next. */
export const work: usize = memory.data(128, 64);

export class Lines {
  /** One dimension for eight columns (lanes); writes out0…out7 to `to`. `shift` becomes an immediate. */
  @inline static full(
    in0: v128,
    in1: v128,
    in2: v128,
    in3: v128,
    in4: v128,
    in5: v128,
    in6: v128,
    in7: v128,
    round: v128,
    shift: i32,
    to: usize,
  ): void {
    let a = Lines.low(in0, in4);
    let b = Lines.low(in2, in6);
    let c = Lines.low(in1, in3);
    let d = Lines.low(in5, in7);
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
    const low0 = i32x4.shr_s(i32x4.add(s0, odd), shift);
    const low7 = i32x4.shr_s(i32x4.sub(s0, odd), shift);
    odd = i32x4.add(
      i32x4.dot_i16x8_s(c, v128.load(FACTORS, 96)),
      i32x4.dot_i16x8_s(d, v128.load(FACTORS, 112)),
    );
    const low1 = i32x4.shr_s(i32x4.add(s1, odd), shift);
    const low6 = i32x4.shr_s(i32x4.sub(s1, odd), shift);
    odd = i32x4.add(
      i32x4.dot_i16x8_s(c, v128.load(FACTORS, 128)),
      i32x4.dot_i16x8_s(d, v128.load(FACTORS, 144)),
    );
    const low2 = i32x4.shr_s(i32x4.add(s2, odd), shift);
    const low5 = i32x4.shr_s(i32x4.sub(s2, odd), shift);
    odd = i32x4.add(
      i32x4.dot_i16x8_s(c, v128.load(FACTORS, 160)),
      i32x4.dot_i16x8_s(d, v128.load(FACTORS, 176)),
    );
    const low3 = i32x4.shr_s(i32x4.add(s3, odd), shift);
    const low4 = i32x4.shr_s(i32x4.sub(s3, odd), shift);
    a = Lines.high(in0, in4);
    b = Lines.high(in2, in6);
    c = Lines.high(in1, in3);
    d = Lines.high(in5, in7);
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
    v128.store(to, i16x8.narrow_i32x4_s(low0, i32x4.shr_s(i32x4.add(s0, odd), shift)));
    v128.store(to, i16x8.narrow_i32x4_s(low7, i32x4.shr_s(i32x4.sub(s0, odd), shift)), 112);
    odd = i32x4.add(
      i32x4.dot_i16x8_s(c, v128.load(FACTORS, 96)),
      i32x4.dot_i16x8_s(d, v128.load(FACTORS, 112)),
    );
    v128.store(to, i16x8.narrow_i32x4_s(low1, i32x4.shr_s(i32x4.add(s1, odd), shift)), 16);
    v128.store(to, i16x8.narrow_i32x4_s(low6, i32x4.shr_s(i32x4.sub(s1, odd), shift)), 96);
    odd = i32x4.add(
      i32x4.dot_i16x8_s(c, v128.load(FACTORS, 128)),
      i32x4.dot_i16x8_s(d, v128.load(FACTORS, 144)),
    );
    v128.store(to, i16x8.narrow_i32x4_s(low2, i32x4.shr_s(i32x4.add(s2, odd), shift)), 32);
    v128.store(to, i16x8.narrow_i32x4_s(low5, i32x4.shr_s(i32x4.sub(s2, odd), shift)), 80);
    odd = i32x4.add(
      i32x4.dot_i16x8_s(c, v128.load(FACTORS, 160)),
      i32x4.dot_i16x8_s(d, v128.load(FACTORS, 176)),
    );
    v128.store(to, i16x8.narrow_i32x4_s(low3, i32x4.shr_s(i32x4.add(s3, odd), shift)), 48);
    v128.store(to, i16x8.narrow_i32x4_s(low4, i32x4.shr_s(i32x4.sub(s3, odd), shift)), 64);
  }

  /** out_i and out_{7−i} of four columns from in0…in3 alone: pairs (in0, in2) and (in1, in3). */
  @inline static sum(even: v128, odd: v128, shift: i32): v128 {
    return i32x4.shr_s(i32x4.add(even, odd), shift);
  }

  @inline static difference(even: v128, odd: v128, shift: i32): v128 {
    return i32x4.shr_s(i32x4.sub(even, odd), shift);
  }

  /** (a0, b0, a1, b1, a2, b2, a3, b3) */
  @inline static low(a: v128, b: v128): v128 {
    return v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  }

  /** (a4, b4, a5, b5, a6, b6, a7, b7) */
  @inline static high(a: v128, b: v128): v128 {
    return v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
  }

  /** Row `index` of the block, dequantised; products wrap to 16 bits as in libjpeg's SIMD code. */
  @inline static row(block: usize, multipliers: usize, index: usize): v128 {
    return i16x8.mul(v128.load(block + index * 16), v128.load(multipliers + index * 16));
  }
}

/** `work` i16 [column, row] → clamped to −128…127, centred at 128, transposed to u8 rows. */
export function writeColumns(target: usize, stride: usize): void {
  const center = v128.load(CENTER);
  const c04 = i8x16.narrow_i16x8_s(v128.load(work), v128.load(work, 64));
  const c15 = i8x16.narrow_i16x8_s(v128.load(work, 16), v128.load(work, 80));
  const c26 = i8x16.narrow_i16x8_s(v128.load(work, 32), v128.load(work, 96));
  const c37 = i8x16.narrow_i16x8_s(v128.load(work, 48), v128.load(work, 112));
  const c01 = v128.shuffle<i8>(c04, c15, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const c45 = v128.shuffle<i8>(c04, c15, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  const c23 = v128.shuffle<i8>(c26, c37, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const c67 = v128.shuffle<i8>(c26, c37, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  const left0 = i8x16.add(Lines.low(c01, c23), center);
  const left4 = i8x16.add(Lines.high(c01, c23), center);
  const right0 = i8x16.add(Lines.low(c45, c67), center);
  const right4 = i8x16.add(Lines.high(c45, c67), center);
  const rows01 = v128.shuffle<i32>(left0, right0, 0, 4, 1, 5);
  const rows23 = v128.shuffle<i32>(left0, right0, 2, 6, 3, 7);
  const rows45 = v128.shuffle<i32>(left4, right4, 0, 4, 1, 5);
  const rows67 = v128.shuffle<i32>(left4, right4, 2, 6, 3, 7);
  v128.store64_lane(target, rows01, 0);
  v128.store64_lane((target += stride), rows01, 1);
  v128.store64_lane((target += stride), rows23, 0);
  v128.store64_lane((target += stride), rows23, 1);
  v128.store64_lane((target += stride), rows45, 0);
  v128.store64_lane((target += stride), rows45, 1);
  v128.store64_lane((target += stride), rows67, 0);
  v128.store64_lane((target += stride), rows67, 1);
}
