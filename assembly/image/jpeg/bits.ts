// Bits: entropy-coded bytes as a bit stream that any 64-bit load reads most significant bit first.
//
// How it is fast: one SIMD pass over the segment between two markers removes the FF00 stuffing and stores the bytes
// last to first. The eight bytes at `bitsBase − p/8`, loaded little-endian, are then the stream from bit p on with
// its first byte on top: a position is all the state that a reader has, and there is no refill to test for. 57 bits
// of a load are always valid.

import { reserve } from "../call";
import { Region } from "../contract";

/** Bytes after the stream that a unit may read before its end is noticed: ten blocks of at most 256 bytes. */
const OVERRUN: usize = 3072;

/** Positions are counted in 32 bits. */
const MAX_LENGTH: usize = 0x1fff_0000;

const REVERSED: usize = memory.data<u8>([15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
const ALL_ONES: usize = memory.data<u8>([
  255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
]);

let regionEnd: usize = 0;

/** Address whose 64-bit load holds the first eight bytes of the segment. */
export let bitsBase: usize = 0;
/** Bits in the segment. */
export let bitsLength: u32 = 0;
/** Address in the file where the segment begins, and that of the FF of the marker that ends it. */
export let segmentStart: usize = 0;
export let segmentEnd: usize = 0;

/** Reserves memory for any segment of a file of `length` bytes; false if it does not fit. */
export function reserveBits(length: usize): bool {
  if (length > MAX_LENGTH) return false;
  const start = reserve(Region.Bits, length + OVERRUN + 64);
  if (start === 0) return false;
  regionEnd = start + length + OVERRUN + 64;
  bitsBase = regionEnd - 8;
  return true;
}

/**
 * Unpacks the entropy-coded bytes from `at` to the next marker. The caller has stored FF D9 after the file, so that
 * there always is one. Vector loads may reach 16 bytes beyond it.
 */
export function unpackSegment(at: usize): void {
  let to = regionEnd;
  segmentStart = at;
  const reversed = v128.load(REVERSED);
  const ones = v128.load(ALL_ONES);
  while (true) {
    const bytes = v128.load(at);
    const mask = i8x16.bitmask(i8x16.eq(bytes, ones));
    v128.store(to - 16, i8x16.swizzle(bytes, reversed));
    if (mask === 0) {
      at += 16;
      to -= 16;
      continue;
    }
    const before = <usize>ctz(mask);
    let next = at + before + 1;
    while (load<u8>(next) === 0xff) next++;
    if (load<u8>(next) !== 0) {
      to -= before;
      segmentEnd = at + before;
      break;
    }
    to -= before + 1;
    at = next + 1;
  }
  // Zeros after the last byte, as libjpeg feeds when data runs out: a damaged file decodes to the same pixels every
  // time.
  memory.fill(to - OVERRUN, 0, OVERRUN);
  bitsLength = (<u32>(regionEnd - to)) << 3;
}

/** Byte of the file near bit p of the segment, for messages; stuffing before it is not counted. */
export function byteNear(p: u32): usize {
  const at = segmentStart + <usize>(p >> 3);
  return at < segmentEnd ? at : segmentEnd;
}

export class Stream {
  /** The segment from bit p on, first bit on top; 57 bits are valid. */
  @inline static from(p: u32): u64 {
    return load<u64>(bitsBase - <usize>(p >> 3)) << (<u64>(p & 7));
  }

  /**
   * The `size` bits on top of `bits` as the standard's EXTEND reads them: a leading 1 is positive, a leading 0 counts
   * up from −(2^size − 1), no bits are 0. `shift` is 63 − size. Prepending a sign bit (the inverse of the first bit)
   * makes it one arithmetic shift, after which negative values are 1 too low.
   */
  @inline static extend(bits: u64, shift: u64): i32 {
    const signed = (<i64>bits >> 1) ^ i64.MIN_VALUE;
    return <i32>(signed >> <i64>shift) + <i32>(<u64>signed >> 63);
  }
}
