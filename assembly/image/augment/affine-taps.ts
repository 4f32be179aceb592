// Affine taps: the weights of four neighbors at a distance, as whole numbers, and the sums that they make.
//
//   bicubic (a = −1)   −d·t²     t + d·t²     d + d²·t     −d²·t       t = 1 − d
//   bilinear             0          t            d            0
//
// A weight has 22 bits behind the point and is split in two for i16 products, weight = high · 2¹¹ + low, as in the
// resize (tables.ts). Pillow truncates what doubles give; a sum here is off by less than UNSURE, so both truncate to the
// same byte unless a whole number lies that near, once in a thousand.

const FIXED_BITS: i32 = 22;
const LOW_BITS: i32 = 11;
/** 255 times half a unit of three weights, and three halves of the one that makes the sum 1, which keeps flat areas exact. */
export const UNSURE: i32 = 768;

/** u32 [4]: high halves of the first two and the last two weights, low halves of the same. */
export const TAPS_BYTES: usize = 16;

/** Writes the four words for distance d, 0 … 1, at `taps`. */
export function fillTaps(taps: usize, d: f64, bicubic: bool): void {
  const t = 1.0 - d;
  const dt = bicubic ? d * t : 0.0;
  const scale = <f64>(1 << FIXED_BITS);
  const first = <i32>Math.floor(-dt * t * scale + 0.5);
  const third = <i32>Math.floor((d + dt * d) * scale + 0.5);
  const fourth = <i32>Math.floor(-dt * d * scale + 0.5);
  const second = (1 << FIXED_BITS) - first - third - fourth;
  store<u32>(taps, high(first, second));
  store<u32>(taps, high(third, fourth), 4);
  store<u32>(taps, low(first, second), 8);
  store<u32>(taps, low(third, fourth), 12);
}

function high(one: i32, other: i32): u32 {
  return <u32>((one >> LOW_BITS) & 0xffff) | ((<u32>(other >> LOW_BITS)) << 16);
}

function low(one: i32, other: i32): u32 {
  const mask = (1 << LOW_BITS) - 1;
  return <u32>(one & mask) | ((<u32>(other & mask)) << 16);
}

const FRACTION: usize = memory.data<i32>([4194303, 4194303, 4194303, 4194303], 16);

/** Steps on four sums, inlined. */
export class Taps {
  /** Sums of four channels: pairs (first, second) and (third, fourth) of their neighbors, u16. */
  @inline static sum(pair12: v128, pair34: v128, high12: v128, high34: v128, low12: v128, low34: v128): v128 {
    const high = i32x4.add(i32x4.dot_i16x8_s(pair12, high12), i32x4.dot_i16x8_s(pair34, high34));
    const low = i32x4.add(i32x4.dot_i16x8_s(pair12, low12), i32x4.dot_i16x8_s(pair34, low34));
    return i32x4.add(i32x4.shl(high, LOW_BITS), low);
  }

  /** How far behind `unsure` units below a whole number each sum is: up to twice that, nobody can know. */
  @inline static fraction(sum: v128, unsure: v128): v128 {
    return v128.and(i32x4.add(sum, unsure), v128.load(FRACTION));
  }

  @inline static whole(sum: v128): v128 {
    return i32x4.shr_s(sum, FIXED_BITS);
  }
}
