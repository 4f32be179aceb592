// IDCT to fewer samples: 4×4, 2×2 or one sample of a block, as libjpeg's jidctred.c reduces it. High frequencies that
// the smaller block cannot show are left out of the sums; the rest is the same two-pass scheme as in idct.ts. Its
// reference is libjpeg-turbo itself (test/image/jpeg-scaled.test.ts).
//
//   4×4, from in0…in3 and in5…in7:   even = in0·2¹⁴ ± (in2·15137 − in6·6270)
//                                    odd0 = in1·20995 + in3·7373  − in5·4926  − in7·4176     out0, out3
//                                    odd1 = in1·8697  − in3·17799 + in5·11893 − in7·1730     out1, out2
//   2×2, from in0, in1, in3, in5, in7:  in0·2¹⁵ ± (in1·29692 − in3·10426 + in5·6967 − in7·5906)

import { Simd } from "../simd";
import { Columns } from "./idct-columns";

/** Pairs of 16-bit factors, each repeated to a vector; the index is the argument of `Reduced.factors`. */
// biome-ignore format: one pair a line, with its decimal form
const FACTORS: usize = memory.data<i16>(
  [
    // fixed point, 2¹³                                                     decimal
     8192,   8192,  8192,   8192,  8192,   8192,  8192,   8192, // 0  in0, in0:  1, 1: their sum is in0·2¹⁴
    15137,  -6270, 15137,  -6270, 15137,  -6270, 15137,  -6270, // 1  in2, in6:  1.847759065  -0.765366865
    20995,   7373, 20995,   7373, 20995,   7373, 20995,   7373, // 2  in1, in3:  2.562915447   0.899976223
    -4926,  -4176, -4926,  -4176, -4926,  -4176, -4926,  -4176, // 3  in5, in7: -0.601344887  -0.509795579
     8697, -17799,  8697, -17799,  8697, -17799,  8697, -17799, // 4  in1, in3:  1.061594337  -2.172734803
    11893,  -1730, 11893,  -1730, 11893,  -1730, 11893,  -1730, // 5  in5, in7:  1.451774981  -0.211164243
    16384,  16384, 16384,  16384, 16384,  16384, 16384,  16384, // 6  in0, in0:  2, 2: their sum is in0·2¹⁵
    29692, -10426, 29692, -10426, 29692, -10426, 29692, -10426, // 7  in1, in3:  3.624509785  -1.272758580
     6967,  -5906,  6967,  -5906,  6967,  -5906,  6967,  -5906, // 8  in5, in7:  0.850430095  -0.720959822
        0,  29692,     0, -10426,     0,   6967,     0,  -5906, // 9  one row: in1, in3, in5, in7 as in 7 and 8
  ],
  16,
);

class Reduced {
  @inline static factors(index: usize): v128 {
    return v128.load(FACTORS + index * 16);
  }

  /** in0·2¹⁴ of four lanes, rounded: pairs of (in0, in0). */
  @inline static direct(in0Twice: v128, round: i32): v128 {
    return i32x4.add(i32x4.dot_i16x8_s(in0Twice, Reduced.factors(0)), i32x4.splat(round));
  }

  @inline static outer(in13: v128, in57: v128): v128 {
    return i32x4.add(
      i32x4.dot_i16x8_s(in13, Reduced.factors(2)),
      i32x4.dot_i16x8_s(in57, Reduced.factors(3)),
    );
  }

  @inline static inner(in13: v128, in57: v128): v128 {
    return i32x4.add(
      i32x4.dot_i16x8_s(in13, Reduced.factors(4)),
      i32x4.dot_i16x8_s(in57, Reduced.factors(5)),
    );
  }
}

/** Without AC, all samples are (DC + 4) >> 3; a block reduced to one sample never uses AC. */
export function fillScaled(dequantized: i16, target: usize, stride: usize, side: u32): void {
  const sample = <u8>min(max(((<i32>dequantized + 4) >> 3) + 128, 0), 255);
  for (let y: u32 = 0; y < side; y++, target += stride) memory.fill(target, sample, <usize>side);
}

/** block, multipliers i16 [8, 8] → u8 [4, 4] at `target`, rows `stride` bytes apart. */
export function transformTo4x4(block: usize, multipliers: usize, target: usize, stride: usize): void {
  const in0 = Columns.row(block, multipliers, 0);
  const in1 = Columns.row(block, multipliers, 1);
  const in2 = Columns.row(block, multipliers, 2);
  const in3 = Columns.row(block, multipliers, 3);
  const in5 = Columns.row(block, multipliers, 5);
  const in6 = Columns.row(block, multipliers, 6);
  const in7 = Columns.row(block, multipliers, 7);
  let direct = Reduced.direct(Simd.zipLow16(in0, in0), 1 << 11);
  let rotated = i32x4.dot_i16x8_s(Simd.zipLow16(in2, in6), Reduced.factors(1));
  let outer = Reduced.outer(Simd.zipLow16(in1, in3), Simd.zipLow16(in5, in7));
  let inner = Reduced.inner(Simd.zipLow16(in1, in3), Simd.zipLow16(in5, in7));
  let sum = i32x4.add(direct, rotated);
  let difference = i32x4.sub(direct, rotated);
  const low0 = i32x4.shr_s(i32x4.add(sum, outer), 12);
  const low3 = i32x4.shr_s(i32x4.sub(sum, outer), 12);
  const low1 = i32x4.shr_s(i32x4.add(difference, inner), 12);
  const low2 = i32x4.shr_s(i32x4.sub(difference, inner), 12);
  direct = Reduced.direct(Simd.zipHigh16(in0, in0), 1 << 11);
  rotated = i32x4.dot_i16x8_s(Simd.zipHigh16(in2, in6), Reduced.factors(1));
  outer = Reduced.outer(Simd.zipHigh16(in1, in3), Simd.zipHigh16(in5, in7));
  inner = Reduced.inner(Simd.zipHigh16(in1, in3), Simd.zipHigh16(in5, in7));
  sum = i32x4.add(direct, rotated);
  difference = i32x4.sub(direct, rotated);
  const row0 = i16x8.narrow_i32x4_s(low0, i32x4.shr_s(i32x4.add(sum, outer), 12));
  const row3 = i16x8.narrow_i32x4_s(low3, i32x4.shr_s(i32x4.sub(sum, outer), 12));
  const row1 = i16x8.narrow_i32x4_s(low1, i32x4.shr_s(i32x4.add(difference, inner), 12));
  const row2 = i16x8.narrow_i32x4_s(low2, i32x4.shr_s(i32x4.sub(difference, inner), 12));
  // Columns of four rows, two to a vector; column 4 is not needed.
  const even02 = Simd.zipLow16(row0, row2);
  const odd02 = Simd.zipLow16(row1, row3);
  const even46 = Simd.zipHigh16(row0, row2);
  const odd46 = Simd.zipHigh16(row1, row3);
  const c01 = Simd.zipLow16(even02, odd02);
  const c23 = Simd.zipHigh16(even02, odd02);
  const c45 = Simd.zipLow16(even46, odd46);
  const c67 = Simd.zipHigh16(even46, odd46);
  const c13 = Simd.zipHigh16(c01, c23);
  const c57 = Simd.zipHigh16(c45, c67);
  direct = Reduced.direct(Simd.zipLow16(c01, c01), 1 << 18);
  rotated = i32x4.dot_i16x8_s(Simd.zipLow16(c23, c67), Reduced.factors(1));
  outer = Reduced.outer(c13, c57);
  inner = Reduced.inner(c13, c57);
  sum = i32x4.add(direct, rotated);
  difference = i32x4.sub(direct, rotated);
  const out01 = i16x8.narrow_i32x4_s(
    i32x4.shr_s(i32x4.add(sum, outer), 19),
    i32x4.shr_s(i32x4.add(difference, inner), 19),
  );
  const out23 = i16x8.narrow_i32x4_s(
    i32x4.shr_s(i32x4.sub(difference, inner), 19),
    i32x4.shr_s(i32x4.sub(sum, outer), 19),
  );
  const out02 = Simd.zipLow16(out01, out23);
  const out13 = Simd.zipHigh16(out01, out23);
  const samples = i8x16.add(
    i8x16.narrow_i16x8_s(Simd.zipLow16(out02, out13), Simd.zipHigh16(out02, out13)),
    i8x16.splat(-128),
  );
  v128.store32_lane(target, samples, 0);
  v128.store32_lane((target += stride), samples, 1);
  v128.store32_lane((target += stride), samples, 2);
  v128.store32_lane((target += stride), samples, 3);
}

/** block, multipliers i16 [8, 8] → u8 [2, 2] at `target`, rows `stride` bytes apart. */
export function transformTo2x2(block: usize, multipliers: usize, target: usize, stride: usize): void {
  const in0 = Columns.row(block, multipliers, 0);
  const in1 = Columns.row(block, multipliers, 1);
  const in3 = Columns.row(block, multipliers, 3);
  const in5 = Columns.row(block, multipliers, 5);
  const in7 = Columns.row(block, multipliers, 7);
  const round = i32x4.splat(1 << 12);
  const directLow = i32x4.add(i32x4.dot_i16x8_s(Simd.zipLow16(in0, in0), Reduced.factors(6)), round);
  const directHigh = i32x4.add(i32x4.dot_i16x8_s(Simd.zipHigh16(in0, in0), Reduced.factors(6)), round);
  const oddLow = i32x4.add(
    i32x4.dot_i16x8_s(Simd.zipLow16(in1, in3), Reduced.factors(7)),
    i32x4.dot_i16x8_s(Simd.zipLow16(in5, in7), Reduced.factors(8)),
  );
  const oddHigh = i32x4.add(
    i32x4.dot_i16x8_s(Simd.zipHigh16(in1, in3), Reduced.factors(7)),
    i32x4.dot_i16x8_s(Simd.zipHigh16(in5, in7), Reduced.factors(8)),
  );
  writePair(
    i16x8.narrow_i32x4_s(
      i32x4.shr_s(i32x4.add(directLow, oddLow), 13),
      i32x4.shr_s(i32x4.add(directHigh, oddHigh), 13),
    ),
    target,
  );
  writePair(
    i16x8.narrow_i32x4_s(
      i32x4.shr_s(i32x4.sub(directLow, oddLow), 13),
      i32x4.shr_s(i32x4.sub(directHigh, oddHigh), 13),
    ),
    target + stride,
  );
}

/** Second pass of the 2×2 transform: one row i16 [8] → two samples. */
function writePair(row: v128, target: usize): void {
  const products = i32x4.dot_i16x8_s(row, Reduced.factors(9));
  const odd =
    i32x4.extract_lane(products, 0) +
    i32x4.extract_lane(products, 1) +
    i32x4.extract_lane(products, 2) +
    i32x4.extract_lane(products, 3);
  const direct = ((<i32>i16x8.extract_lane_s(row, 0)) << 15) + (1 << 19);
  store<u8>(target, <u8>min(max(((direct + odd) >> 20) + 128, 0), 255));
  store<u8>(target, <u8>min(max(((direct - odd) >> 20) + 128, 0), 255), 1);
}
