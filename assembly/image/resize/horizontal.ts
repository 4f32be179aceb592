// Horizontal pass: u8 [rows, width, 3] → u8 [rows, outputs, 3], four rows at a time. Scalar reference:
// horizontalScalar.
//
// How it is fast: two neighboring pixels become one vector of 16-bit pairs by interleaving the row with itself shifted
// by three bytes:
//
//   at p      r₀ g₀ b₀ r₁ …     interleave     r₀ r₁ g₀ g₁ b₀ b₁ …     widen to u16, then
//   at p + 3  r₁ g₁ b₁ r₂ …    ───────────►                            dot with w₀ w₁ w₀ w₁ w₀ w₁ – –
//
// so a multiply-add of pairs does two taps of all three channels, with no general byte shuffle and no constant to load.
// Four rows use each pair of weights that is loaded. The lanes after blue contain garbage that is never stored.

import { assertReserved } from "../call";
import { noteWork } from "../interruption";
import { Simd } from "../simd";
import { clip8, entryBytes, entryPairs, LOW_BITS, PRECISION_BITS, tapWeight } from "./weights";

const PAIR_BYTES: usize = 8;

/** (r₀ r₁ g₀ g₁ b₀ b₁ – –) as u16 of the two pixels at p. Reads 11 bytes. */
function pixelPair(p: usize): v128 {
  return i16x8.extend_low_i8x16_u(Simd.zipLow(v128.load64_zero(p), v128.load64_zero(p, 3)));
}

/** High and low sums → Σ w·p rounded to whole numbers, i32 [4]. */
function finish(high: v128, low: v128): v128 {
  return i32x4.shr_s(i32x4.add(i32x4.shl(high, LOW_BITS), low), PRECISION_BITS);
}

function storePixel(target: usize, rgb: i32): void {
  store<u16>(target, <u16>rgb);
  store<u8>(target, <u8>(rgb >> 16), 2);
}

/** Rows 4n … 4n + 3 at a time; if fewer are left, the last one is computed again in place of the missing ones. */
export function horizontalPass(
  source: usize,
  sourceStride: usize,
  rows: i32,
  table: usize,
  pairs: i32,
  outputs: i32,
  target: usize,
  targetStride: usize,
): void {
  if (!ASC_NO_ASSERT && rows > 0)
    assertReserved(target, <usize>(rows - 1) * targetStride + <usize>outputs * 3);
  const entryStride = entryBytes(pairs);
  const rounding = i32x4.splat(1 << (PRECISION_BITS - 1));
  for (let y = 0; y < rows; y += 4) {
    noteWork(sourceStride * 4);
    const y1 = min(y + 1, rows - 1);
    const y2 = min(y + 2, rows - 1);
    const y3 = min(y + 3, rows - 1);
    const row0 = source + <usize>y * sourceStride;
    const step1 = <usize>(y1 - y) * sourceStride;
    const step2 = <usize>(y2 - y) * sourceStride;
    const step3 = <usize>(y3 - y) * sourceStride;
    let out0 = target + <usize>y * targetStride;
    let out1 = target + <usize>y1 * targetStride;
    let out2 = target + <usize>y2 * targetStride;
    let out3 = target + <usize>y3 * targetStride;
    let entry = table;
    for (let x = 0; x < outputs; x++) {
      let p = row0 + <usize>load<u32>(entry) * 3;
      let weights = entryPairs(entry);
      const end = weights + <usize>load<u32>(entry, 4) * PAIR_BYTES;
      let high0 = i32x4.splat(0);
      let high1 = high0;
      let high2 = high0;
      let high3 = high0;
      let low0 = rounding;
      let low1 = rounding;
      let low2 = rounding;
      let low3 = rounding;
      while (weights < end) {
        const high = v128.load32_splat(weights);
        const low = v128.load32_splat(weights, 4);
        let pair = pixelPair(p);
        high0 = i32x4.add(high0, i32x4.dot_i16x8_s(pair, high));
        low0 = i32x4.add(low0, i32x4.dot_i16x8_s(pair, low));
        pair = pixelPair(p + step1);
        high1 = i32x4.add(high1, i32x4.dot_i16x8_s(pair, high));
        low1 = i32x4.add(low1, i32x4.dot_i16x8_s(pair, low));
        pair = pixelPair(p + step2);
        high2 = i32x4.add(high2, i32x4.dot_i16x8_s(pair, high));
        low2 = i32x4.add(low2, i32x4.dot_i16x8_s(pair, low));
        pair = pixelPair(p + step3);
        high3 = i32x4.add(high3, i32x4.dot_i16x8_s(pair, high));
        low3 = i32x4.add(low3, i32x4.dot_i16x8_s(pair, low));
        p += 6;
        weights += PAIR_BYTES;
      }
      const upper = i16x8.narrow_i32x4_s(finish(high0, low0), finish(high1, low1));
      const lower = i16x8.narrow_i32x4_s(finish(high2, low2), finish(high3, low3));
      const bytes = i8x16.narrow_i16x8_u(upper, lower);
      storePixel(out0, i32x4.extract_lane(bytes, 0));
      storePixel(out1, i32x4.extract_lane(bytes, 1));
      storePixel(out2, i32x4.extract_lane(bytes, 2));
      storePixel(out3, i32x4.extract_lane(bytes, 3));
      out0 += 3;
      out1 += 3;
      out2 += 3;
      out3 += 3;
      entry += entryStride;
    }
  }
}

/** The same, one value at a time: each output is a weighted sum of pixels of its row. */
export function horizontalScalar(
  source: usize,
  sourceStride: usize,
  rows: i32,
  table: usize,
  pairs: i32,
  outputs: i32,
  target: usize,
  targetStride: usize,
): void {
  const stride = entryBytes(pairs);
  for (let y = 0; y < rows; y++) {
    const row = source + <usize>y * sourceStride;
    for (let x = 0; x < outputs; x++) {
      const entry = table + <usize>x * stride;
      const start = <usize>load<u32>(entry);
      const taps = load<u32>(entry, 4) << 1;
      for (let channel: usize = 0; channel < 3; channel++) {
        let sum: i32 = 1 << (PRECISION_BITS - 1);
        for (let tap: u32 = 0; tap < taps; tap++)
          sum += <i32>load<u8>(row + (start + <usize>tap) * 3 + channel) * tapWeight(entry, tap);
        store<u8>(target + <usize>y * targetStride + <usize>x * 3 + channel, clip8(sum));
      }
    }
  }
}
