// Adler-32: the checksum of a zlib stream's content (RFC 1950), sixteen bytes at a time.

const ADLER_PRIME: u32 = 65_521;
/** So many bytes can be added up before a sum of 32 bits overflows. */
const ADLER_RUN: usize = 5_552;

let a: u32 = 1;
let b: u32 = 0;

export function startSum(): void {
  a = 1;
  b = 0;
}

/** The sum of what was added since `startSum`. */
export function sumValue(): u32 {
  return (b << 16) | a;
}

class Lanes {
  @inline static sum(v: v128): u32 {
    const half = i32x4.add(v, i8x16.shuffle(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    return i32x4.extract_lane(half, 0) + i32x4.extract_lane(half, 1);
  }
}

/** Adds the bytes [at, end). */
export function addToSum(at: usize, end: usize): void {
  // After byte i of sixteen, `a` is added 16 − i more times.
  const weights = i16x8(16, 15, 14, 13, 12, 11, 10, 9);
  const lowWeights = i16x8(8, 7, 6, 5, 4, 3, 2, 1);
  let sumA = a;
  let sumB = b;
  while (at < end) {
    const stop = min(end, at + ADLER_RUN);
    for (; at + 16 <= stop; at += 16) {
      const bytes = v128.load(at);
      const high = i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(bytes), weights);
      const low = i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(bytes), lowWeights);
      sumB += sumA * 16 + Lanes.sum(i32x4.add(high, low));
      sumA += Lanes.sum(i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(bytes)));
    }
    for (; at < stop; at++) {
      sumA += <u32>load<u8>(at);
      sumB += sumA;
    }
    sumA %= ADLER_PRIME;
    sumB %= ADLER_PRIME;
  }
  a = sumA;
  b = sumB;
}
