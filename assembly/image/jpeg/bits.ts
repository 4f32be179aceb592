// Bits: entropy-coded bytes as a bit stream that any 64-bit load reads most significant bit first.
//
// A pass over one stretch between markers removes the FF00 stuffing and stores the bytes last to first. The eight
// bytes at `bitsBase − p/8`, loaded little-endian, are then the stream from bit p on with its first byte on top:
// a position is all the state a reader has, and no refill is ever tested for. 57 bits of a load are always good.

import { reserve } from "../memory";
import { Region } from "../regions";

/** Bytes behind the stream that a unit may read before its end is noticed: ten blocks of at most 256 bytes. */
const OVERRUN: usize = 3072;

/** Positions are counted in 32 bits. */
const MAX_LENGTH: usize = 0x1fff_0000;

const REVERSED: usize = memory.data<u8>([15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
const ALL_ONES: usize = memory.data<u8>([
  255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
]);

let regionEnd: usize = 0;

/** Address whose 64-bit load holds the first eight bytes of the stretch. */
export let bitsBase: usize = 0;
/** Bits in the stretch. */
export let bitsLength: u32 = 0;
/** Where in the file the stretch begins, and the FF of the marker that ends it. */
export let stretchStart: usize = 0;
export let stretchEnd: usize = 0;

/** Makes room for any stretch of a file of `length` bytes; false where memory forbids it. */
export function reserveBits(length: usize): bool {
  if (length > MAX_LENGTH) return false;
  const start = reserve(Region.Bits, length + OVERRUN + 64);
  if (start === 0) return false;
  regionEnd = start + length + OVERRUN + 64;
  bitsBase = regionEnd - 8;
  return true;
}

/**
 * Unpacks the entropy-coded bytes from `at` to the next marker. The caller has put FF D9 behind the file, so
 * that there always is one. Vector loads may reach 16 bytes beyond it.
 */
export function unpackStretch(at: usize): void {
  let to = regionEnd;
  stretchStart = at;
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
      stretchEnd = at + before;
      break;
    }
    to -= before + 1;
    at = next + 1;
  }
  // Zeros behind the last byte, as libjpeg feeds where data runs out: what damage gives is the same every time.
  memory.fill(to - OVERRUN, 0, OVERRUN);
  bitsLength = (<u32>(regionEnd - to)) << 3;
}

/** Byte of the file near bit p of the stretch, for messages; stuffing before it is not counted. */
export function byteNear(p: u32): usize {
  const at = stretchStart + <usize>(p >> 3);
  return at < stretchEnd ? at : stretchEnd;
}

export class Stream {
  /** The stretch from bit p on, first bit on top; 57 bits are good. */
  @inline static from(p: u32): u64 {
    return load<u64>(bitsBase - <usize>(p >> 3)) << (<u64>(p & 7));
  }

  /**
   * The `size` bits on top of `bits` as the standard's EXTEND reads them: a leading 1 is positive, a leading 0 counts
   * up from −(2^size − 1), no bits are 0. `shift` is 63 − size. A sign bit put in front (the inverse of the first
   * bit) makes it one arithmetic shift: negative values then are 1 too low.
   */
  @inline static extend(bits: u64, shift: u64): i32 {
    const signed = (<i64>bits >> 1) ^ i64.MIN_VALUE;
    return <i32>(signed >> <i64>shift) + <i32>(<u64>signed >> 63);
  }
}
