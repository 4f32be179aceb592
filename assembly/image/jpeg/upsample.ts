// Upsampling: rows of subsampled components → rows of full width, as libjpeg's jdsample.c ("fancy" triangle
// filters for ratios of 2:1, replication otherwise). Output pixels are at ¼ and ¾ between sample centers.
//
//   across      out[2i]   = (3·s[i] + s[i−1] + 1) >> 2      out[2i+1] = (3·s[i] + s[i+1] + 2) >> 2
//   down        out[2j]   = (3·s[j] + s[j−1] + 1) >> 2      out[2j+1] = (3·s[j] + s[j+1] + 2) >> 2
//   both        column sums c = 3·near + far, then (3·c[i] + c[i−1] + 8) >> 4 and (3·c[i] + c[i+1] + 7) >> 4
//
// The caller repeats the edge samples beyond the edges. All functions work in steps of 16 samples; they may read 17
// bytes and write 31 bytes beyond the row. Their reference is libjpeg-turbo itself (the conformance tests).
//
// How it is fast: even and odd output pixels are computed in separate vectors of 16-bit lanes and joined by one shift
// and one or, without a shuffle.

const ONE: usize = memory.data<i16>([1, 1, 1, 1, 1, 1, 1, 1], 16);
const TWO: usize = memory.data<i16>([2, 2, 2, 2, 2, 2, 2, 2], 16);
const SEVEN: usize = memory.data<i16>([7, 7, 7, 7, 7, 7, 7, 7], 16);
const EIGHT: usize = memory.data<i16>([8, 8, 8, 8, 8, 8, 8, 8], 16);

class Lanes {
  /** 3·a + b */
  @inline static weigh(a: v128, b: v128): v128 {
    return i16x8.add(i16x8.add(a, i16x8.shl(a, 1)), b);
  }

  /** Even results in the low bytes, odd ones in the high bytes: 16 bytes in pixel order. */
  @inline static pair(even: v128, odd: v128): v128 {
    return v128.or(even, i16x8.shl(odd, 8));
  }
}

/** u8 [count] at `from`, with a neighbor on each side → u8 [2·count] at `to`. */
export function upsampleAcross(from: usize, to: usize, count: u32): void {
  const one = v128.load(ONE);
  const two = v128.load(TWO);
  for (let end = from + <usize>count; from < end; from += 16, to += 32) {
    const here = v128.load(from);
    const before = v128.load(from - 1);
    const after = v128.load(from + 1);
    const low = i16x8.extend_low_i8x16_u(here);
    const high = i16x8.extend_high_i8x16_u(here);
    const evenLow = Lanes.weigh(low, i16x8.add(i16x8.extend_low_i8x16_u(before), one));
    const evenHigh = Lanes.weigh(high, i16x8.add(i16x8.extend_high_i8x16_u(before), one));
    const oddLow = Lanes.weigh(low, i16x8.add(i16x8.extend_low_i8x16_u(after), two));
    const oddHigh = Lanes.weigh(high, i16x8.add(i16x8.extend_high_i8x16_u(after), two));
    v128.store(to, Lanes.pair(i16x8.shr_u(evenLow, 2), i16x8.shr_u(oddLow, 2)));
    v128.store(to, Lanes.pair(i16x8.shr_u(evenHigh, 2), i16x8.shr_u(oddHigh, 2)), 16);
  }
}

/** Rows `near` and `far` u8 [count] → u8 [count]; `bias` is 1 for an upper row, 2 for a lower. */
export function upsampleDown(near: usize, far: usize, to: usize, count: u32, bias: i16): void {
  const rounding = i16x8.splat(bias);
  for (let end = near + <usize>count; near < end; near += 16, far += 16, to += 16) {
    const a = v128.load(near);
    const b = v128.load(far);
    const low = Lanes.weigh(i16x8.extend_low_i8x16_u(a), i16x8.add(i16x8.extend_low_i8x16_u(b), rounding));
    const high = Lanes.weigh(i16x8.extend_high_i8x16_u(a), i16x8.add(i16x8.extend_high_i8x16_u(b), rounding));
    v128.store(to, i8x16.narrow_i16x8_u(i16x8.shr_u(low, 2), i16x8.shr_u(high, 2)));
  }
}

/** 3·near + far of u8 [count] and of a neighbor on each side → i16 [count + 2] at `sums`, 16-byte aligned. */
export function addColumns(near: usize, far: usize, count: u32, sums: usize): void {
  const end = near + <usize>count;
  for (near--, far--; near <= end; near += 16, far += 16, sums += 32) {
    const a = v128.load(near);
    const b = v128.load(far);
    v128.store(sums, Lanes.weigh(i16x8.extend_low_i8x16_u(a), i16x8.extend_low_i8x16_u(b)));
    v128.store(sums, Lanes.weigh(i16x8.extend_high_i8x16_u(a), i16x8.extend_high_i8x16_u(b)), 16);
  }
}

/**
 * Rows `near` and `far` u8 [count], with a neighbor on each side → u8 [2·count]. `sums` is scratch memory for
 * i16 [count + 32], 16-byte aligned.
 */
export function upsampleBoth(near: usize, far: usize, to: usize, count: u32, sums: usize): void {
  addColumns(near, far, count, sums);
  const seven = v128.load(SEVEN);
  const eight = v128.load(EIGHT);
  const last = sums + ((<usize>count) << 1);
  for (let sum = sums; sum < last; sum += 16, to += 16) {
    const here = v128.load(sum, 2);
    const even = Lanes.weigh(here, i16x8.add(v128.load(sum), eight));
    const odd = Lanes.weigh(here, i16x8.add(v128.load(sum, 4), seven));
    v128.store(to, Lanes.pair(i16x8.shr_u(even, 4), i16x8.shr_u(odd, 4)));
  }
}

/** u8 [count] → u8 [span·count], each sample `span` times. */
export function replicateAcross(from: usize, to: usize, count: u32, span: u32): void {
  if (span === 2) {
    for (let end = from + <usize>count; from < end; from += 16, to += 32) {
      const a = v128.load(from);
      v128.store(to, v128.shuffle<i8>(a, a, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7));
      v128.store(to, v128.shuffle<i8>(a, a, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15), 16);
    }
    return;
  }
  for (let end = from + <usize>count; from < end; from++) {
    const sample = load<u8>(from);
    for (let i: u32 = 0; i < span; i++) store<u8>(to++, sample);
  }
}
