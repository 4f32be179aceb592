// IDCT: a block of quantised coefficients → 8×8 samples. libjpeg's "islow" integers, bit for bit, in SIMD.
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
//
// Where the last coefficient stands early in the zigzag, most inputs are zero: DC alone fills the block with one
// value, and positions up to 9 lie within the first four rows and columns.

/** Pairs of 16-bit factors, each repeated to a vector. In memory: V8 would rebuild v128.const at every use. */
const FACTORS: usize = memory.data<i16>(
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
const ROUND_COLUMNS: usize = memory.data<i32>([1024, 1024, 1024, 1024], 16);
const ROUND_ROWS: usize = memory.data<i32>([131072, 131072, 131072, 131072], 16);
const CENTER: usize = memory.data<i32>([0x80808080, 0x80808080, 0x80808080, 0x80808080], 16);

const COLUMN_SHIFT: i32 = 11;
const ROW_SHIFT: i32 = 18;

/** i16 [8, 8]: what one pass leaves for the next. */
const work: usize = memory.data(128, 64);

/** Highest zigzag position that the 4×4 shortcut takes. */
const LAST_OF_4X4: u32 = 9;

class Pass {
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
    let a = Pass.low(in0, in4);
    let b = Pass.low(in2, in6);
    let c = Pass.low(in1, in3);
    let d = Pass.low(in5, in7);
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
    a = Pass.high(in0, in4);
    b = Pass.high(in2, in6);
    c = Pass.high(in1, in3);
    d = Pass.high(in5, in7);
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

/**
 * block i16 [8, 8] in natural order, multipliers i16 [8, 8] → u8 [8, 8] at `target`, rows `stride` bytes apart.
 * `last` is the highest zigzag position that may hold another value than 0.
 */
export function inverseTransform(
  block: usize,
  multipliers: usize,
  target: usize,
  stride: usize,
  last: u32,
): void {
  if (last === 0) fillFromDc(load<i16>(block) * load<i16>(multipliers), target, stride);
  else if (last <= LAST_OF_4X4) transform4x4(block, multipliers, target, stride);
  else transform8x8(block, multipliers, target, stride);
}

/** A block without AC: (DC + 4) >> 3, the two passes' rounding taken together. */
function fillFromDc(dequantized: i16, target: usize, stride: usize): void {
  const column = (<i32>dequantized) << 2;
  const sample = ((column + 16) >> 5) + 128;
  const row = i8x16.splat(<i8>min(max(sample, 0), 255));
  for (let y = 0; y < 8; y++) {
    v128.store64_lane(target, row, 0);
    target += stride;
  }
}

function transform8x8(block: usize, multipliers: usize, target: usize, stride: usize): void {
  Pass.full(
    Pass.row(block, multipliers, 0),
    Pass.row(block, multipliers, 1),
    Pass.row(block, multipliers, 2),
    Pass.row(block, multipliers, 3),
    Pass.row(block, multipliers, 4),
    Pass.row(block, multipliers, 5),
    Pass.row(block, multipliers, 6),
    Pass.row(block, multipliers, 7),
    v128.load(ROUND_COLUMNS),
    COLUMN_SHIFT,
    work,
  );
  // Transpose i16 [8, 8]: interleave rows at distance 4, then 2, then 1.
  const w0 = v128.load(work);
  const w1 = v128.load(work, 16);
  const w2 = v128.load(work, 32);
  const w3 = v128.load(work, 48);
  const w4 = v128.load(work, 64);
  const w5 = v128.load(work, 80);
  const w6 = v128.load(work, 96);
  const w7 = v128.load(work, 112);
  const x0 = Pass.low(w0, w4);
  const x1 = Pass.high(w0, w4);
  const x2 = Pass.low(w1, w5);
  const x3 = Pass.high(w1, w5);
  const x4 = Pass.low(w2, w6);
  const x5 = Pass.high(w2, w6);
  const x6 = Pass.low(w3, w7);
  const x7 = Pass.high(w3, w7);
  const y0 = Pass.low(x0, x4);
  const y1 = Pass.high(x0, x4);
  const y2 = Pass.low(x1, x5);
  const y3 = Pass.high(x1, x5);
  const y4 = Pass.low(x2, x6);
  const y5 = Pass.high(x2, x6);
  const y6 = Pass.low(x3, x7);
  const y7 = Pass.high(x3, x7);
  Pass.full(
    Pass.low(y0, y4),
    Pass.high(y0, y4),
    Pass.low(y1, y5),
    Pass.high(y1, y5),
    Pass.low(y2, y6),
    Pass.high(y2, y6),
    Pass.low(y3, y7),
    Pass.high(y3, y7),
    v128.load(ROUND_ROWS),
    ROW_SHIFT,
    work,
  );
  writeColumns(target, stride);
}

/** Coefficients in rows and columns 0…3 only: half of the column pass, and no in4…in7 in either pass. */
function transform4x4(block: usize, multipliers: usize, target: usize, stride: usize): void {
  const in0 = i16x8.mul(v128.load64_zero(block), v128.load(multipliers));
  const in1 = i16x8.mul(v128.load64_zero(block + 16), v128.load(multipliers, 16));
  const in2 = i16x8.mul(v128.load64_zero(block + 32), v128.load(multipliers, 32));
  const in3 = i16x8.mul(v128.load64_zero(block + 48), v128.load(multipliers, 48));
  let even = Pass.low(in0, in2);
  let odd = Pass.low(in1, in3);
  let round = v128.load(ROUND_COLUMNS);
  let e0 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 192)), round);
  let e1 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 208)), round);
  let e3 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 224)), round);
  let e2 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 240)), round);
  let o3 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 64));
  let o2 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 96));
  let o1 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 128));
  let o0 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 160));
  // Row pairs (r, r + 4) of columns 0…3, then a transpose that leaves only columns 0…3.
  const w04 = i16x8.narrow_i32x4_s(Pass.sum(e0, o3, COLUMN_SHIFT), Pass.difference(e3, o0, COLUMN_SHIFT));
  const w15 = i16x8.narrow_i32x4_s(Pass.sum(e1, o2, COLUMN_SHIFT), Pass.difference(e2, o1, COLUMN_SHIFT));
  const w26 = i16x8.narrow_i32x4_s(Pass.sum(e2, o1, COLUMN_SHIFT), Pass.difference(e1, o2, COLUMN_SHIFT));
  const w37 = i16x8.narrow_i32x4_s(Pass.sum(e3, o0, COLUMN_SHIFT), Pass.difference(e0, o3, COLUMN_SHIFT));
  // x: (r0, r2) of each column, then (r4, r6); y the same of rows 1, 3, 5, 7.
  const xLow = Pass.low(w04, w26);
  const xHigh = Pass.high(w04, w26);
  const yLow = Pass.low(w15, w37);
  const yHigh = Pass.high(w15, w37);
  // Rows 0…3 of columns (0, 1) and (2, 3), then rows 4…7.
  const c01Top = Pass.low(xLow, yLow);
  const c23Top = Pass.high(xLow, yLow);
  const c01Bottom = Pass.low(xHigh, yHigh);
  const c23Bottom = Pass.high(xHigh, yHigh);
  const col0 = v128.shuffle<i64>(c01Top, c01Bottom, 0, 2);
  const col1 = v128.shuffle<i64>(c01Top, c01Bottom, 1, 3);
  const col2 = v128.shuffle<i64>(c23Top, c23Bottom, 0, 2);
  const col3 = v128.shuffle<i64>(c23Top, c23Bottom, 1, 3);
  round = v128.load(ROUND_ROWS);
  even = Pass.low(col0, col2);
  odd = Pass.low(col1, col3);
  e0 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 192)), round);
  e1 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 208)), round);
  e3 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 224)), round);
  e2 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 240)), round);
  o3 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 64));
  o2 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 96));
  o1 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 128));
  o0 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 160));
  const low0 = Pass.sum(e0, o3, ROW_SHIFT);
  const low7 = Pass.difference(e0, o3, ROW_SHIFT);
  const low1 = Pass.sum(e1, o2, ROW_SHIFT);
  const low6 = Pass.difference(e1, o2, ROW_SHIFT);
  const low2 = Pass.sum(e2, o1, ROW_SHIFT);
  const low5 = Pass.difference(e2, o1, ROW_SHIFT);
  const low3 = Pass.sum(e3, o0, ROW_SHIFT);
  const low4 = Pass.difference(e3, o0, ROW_SHIFT);
  even = Pass.high(col0, col2);
  odd = Pass.high(col1, col3);
  e0 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 192)), round);
  e1 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 208)), round);
  e3 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 224)), round);
  e2 = i32x4.add(i32x4.dot_i16x8_s(even, v128.load(FACTORS, 240)), round);
  o3 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 64));
  o2 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 96));
  o1 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 128));
  o0 = i32x4.dot_i16x8_s(odd, v128.load(FACTORS, 160));
  v128.store(work, i16x8.narrow_i32x4_s(low0, Pass.sum(e0, o3, ROW_SHIFT)));
  v128.store(work, i16x8.narrow_i32x4_s(low7, Pass.difference(e0, o3, ROW_SHIFT)), 112);
  v128.store(work, i16x8.narrow_i32x4_s(low1, Pass.sum(e1, o2, ROW_SHIFT)), 16);
  v128.store(work, i16x8.narrow_i32x4_s(low6, Pass.difference(e1, o2, ROW_SHIFT)), 96);
  v128.store(work, i16x8.narrow_i32x4_s(low2, Pass.sum(e2, o1, ROW_SHIFT)), 32);
  v128.store(work, i16x8.narrow_i32x4_s(low5, Pass.difference(e2, o1, ROW_SHIFT)), 80);
  v128.store(work, i16x8.narrow_i32x4_s(low3, Pass.sum(e3, o0, ROW_SHIFT)), 48);
  v128.store(work, i16x8.narrow_i32x4_s(low4, Pass.difference(e3, o0, ROW_SHIFT)), 64);
  writeColumns(target, stride);
}

/** `work` i16 [column, row] → clamped to −128…127, centred at 128, transposed to u8 rows. */
function writeColumns(target: usize, stride: usize): void {
  const center = v128.load(CENTER);
  const c04 = i8x16.narrow_i16x8_s(v128.load(work), v128.load(work, 64));
  const c15 = i8x16.narrow_i16x8_s(v128.load(work, 16), v128.load(work, 80));
  const c26 = i8x16.narrow_i16x8_s(v128.load(work, 32), v128.load(work, 96));
  const c37 = i8x16.narrow_i16x8_s(v128.load(work, 48), v128.load(work, 112));
  const c01 = v128.shuffle<i8>(c04, c15, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const c45 = v128.shuffle<i8>(c04, c15, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  const c23 = v128.shuffle<i8>(c26, c37, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const c67 = v128.shuffle<i8>(c26, c37, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  const left0 = i8x16.add(Pass.low(c01, c23), center);
  const left4 = i8x16.add(Pass.high(c01, c23), center);
  const right0 = i8x16.add(Pass.low(c45, c67), center);
  const right4 = i8x16.add(Pass.high(c45, c67), center);
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
