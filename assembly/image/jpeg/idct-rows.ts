// IDCT rows: the second pass. A row's four or eight inputs → its eight samples. Scalar reference: idct-scalar.ts.
//
// How it is fast: there is no transpose. The first pass leaves its rows in `work` with their columns in the order
// 0 2 1 3, 4 6 5 7: pairs of inputs, which a load broadcasts to a vector, and whose dot products with a column of the
// matrix are four outputs at once. The decimal forms of the constants are in idct-columns.ts.
//
//                (in0, in2)          (in4, in6)           (in1, in3)          (in5, in7)
//   x = 0      8192   10703        8192    4433         11363    9633        6437    2260
//   x = 1      8192    4433       −8192  −10704          9633   −2259      −11362   −6436
//   x = 2      8192   −4433       −8192   10704          6437  −11362        2261    9633
//   x = 3      8192  −10703        8192   −4433          2260   −6436        9633  −11363
//                        even half                                 odd half
//
// out(x) = even(x) + odd(x) and out(7 − x) = even(x) − odd(x). (The rounding term could be added to in0 in the first
// pass; then damaged files, whose in0 is near the end of its range, would no longer equal libjpeg's.)

/** Columns of the matrix above, i16 [x][pair], by byte offset. */
// biome-ignore format: one column a line
const MATRIX: usize = memory.data<i16>(
  [
     8192, 10703,   8192,   4433,   8192,  -4433,  8192, -10703, //   0  (in0, in2)
     8192,  4433,  -8192, -10704,  -8192,  10704,  8192,  -4433, //  16  (in4, in6)
    11363,  9633,   9633,  -2259,   6437, -11362,  2260,  -6436, //  32  (in1, in3)
     6437,  2260, -11362,  -6436,   2261,   9633,  9633, -11363, //  48  (in5, in7)
  ],
  16,
);

const SHIFT: i32 = 18;
/** 2¹⁷ to round, 128·2¹⁸ to center the samples: together 33,685,504. */
const ROUND: usize = memory.data<i32>([33685504, 33685504, 33685504, 33685504], 16);

class Row {
  /** Eight outputs i16 of the sums of both halves. */
  @inline static outputs(even: v128, odd: v128): v128 {
    const rounded = i32x4.add(even, v128.load(ROUND));
    const left = i32x4.shr_s(i32x4.add(rounded, odd), SHIFT);
    const right = i32x4.shr_s(i32x4.sub(rounded, odd), SHIFT);
    return i16x8.narrow_i32x4_s(left, v128.shuffle<i32>(right, right, 3, 2, 1, 0));
  }

  /** From the eight inputs at `row`. */
  @inline static ofEight(row: usize): v128 {
    const even = i32x4.add(
      i32x4.dot_i16x8_s(v128.load32_splat(row), v128.load(MATRIX)),
      i32x4.dot_i16x8_s(v128.load32_splat(row, 8), v128.load(MATRIX, 16)),
    );
    const odd = i32x4.add(
      i32x4.dot_i16x8_s(v128.load32_splat(row, 4), v128.load(MATRIX, 32)),
      i32x4.dot_i16x8_s(v128.load32_splat(row, 12), v128.load(MATRIX, 48)),
    );
    return Row.outputs(even, odd);
  }

  /** From four; the others are 0. */
  @inline static ofFour(row: usize): v128 {
    return Row.outputs(
      i32x4.dot_i16x8_s(v128.load32_splat(row), v128.load(MATRIX)),
      i32x4.dot_i16x8_s(v128.load32_splat(row, 4), v128.load(MATRIX, 32)),
    );
  }

  @inline static store(upper: v128, lower: v128, target: usize, stride: usize): void {
    const bytes = i8x16.narrow_i16x8_u(upper, lower);
    v128.store64_lane(target, bytes, 0);
    v128.store64_lane(target + stride, bytes, 1);
  }
}

/** i16 [8, 8] at `work`, columns as above → u8 [8, 8] at `target`. */
export function rowsOfEight(work: usize, target: usize, stride: usize): void {
  Row.store(Row.ofEight(work), Row.ofEight(work + 16), target, stride);
  target += stride << 1;
  Row.store(Row.ofEight(work + 32), Row.ofEight(work + 48), target, stride);
  target += stride << 1;
  Row.store(Row.ofEight(work + 64), Row.ofEight(work + 80), target, stride);
  target += stride << 1;
  Row.store(Row.ofEight(work + 96), Row.ofEight(work + 112), target, stride);
}

/** i16 [4, 2, 4] at `work`, rows r and r + 4 adjacent, columns 4 … 7 being 0 → u8 [8, 8] at `target`. */
export function rowsOfFour(work: usize, target: usize, stride: usize): void {
  Row.store(Row.ofFour(work), Row.ofFour(work + 16), target, stride);
  target += stride << 1;
  Row.store(Row.ofFour(work + 32), Row.ofFour(work + 48), target, stride);
  target += stride << 1;
  Row.store(Row.ofFour(work + 8), Row.ofFour(work + 24), target, stride);
  target += stride << 1;
  Row.store(Row.ofFour(work + 40), Row.ofFour(work + 56), target, stride);
}
