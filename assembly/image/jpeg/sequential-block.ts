// Sequential block: the 64 coefficients of a block of a baseline or extended frame, two symbols at a time.

import { bitsBase, Stream } from "./bits";
import { advanceOf, END_OF_BLOCK, longCode, PAIR_BITS, PAIR_TABLE, PairEntry } from "./huffman-lookup";
import { Component } from "./picture";

/** Byte offset in a block of zigzag position k: natural order for 0…63, then 63, then the dummy after the block. */
const OFFSETS: usize = memory.data<u8>([
  0, 2, 16, 32, 18, 4, 6, 20, 34, 48, 64, 50, 36, 22, 8, 10, 24, 38, 52, 66, 80, 96, 82, 68, 54, 40, 26, 12,
  14, 28, 42, 56, 70, 84, 98, 112, 114, 100, 86, 72, 58, 44, 30, 46, 60, 74, 88, 102, 116, 118, 104, 90, 76,
  62, 78, 92, 106, 120, 122, 108, 94, 110, 124, 126, 126, 126, 126, 126, 126, 126, 126, 126, 126, 126, 126,
  126, 126, 126, 126, 126, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
  128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
  128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
  128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
  128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
  128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
  128, 128, 128, 128, 128, 128,
]);

/** i16 [64] in natural order, and 16 bytes that receive values beyond the block. */
export const block: usize = memory.data(144, 64);

/** Highest zigzag position that the last block reached. */
export let lastPosition: u32 = 0;

/*
 * How it is fast: both functions below keep the stream in three registers. `bits` holds it from the current position
 * on, first bit on top, of which `have` bits are valid; `at` is the address of the next eight bytes. A refill is one
 * load, one shift and one or, without a test; it leaves 56 to 63 valid bits. A lookup consumes at most PAIR_BITS +
 * 15, so two lookups follow each refill. (Reloading at every position costs 10% of a decode: the load waits for the
 * lookup.)
 */
class Reader {
  /** The first eight bytes from bit p on. */
  @inline static bits(address: usize, p: u32): u64 {
    return load<u64>(address) << (<u64>(p & 7));
  }

  @inline static lookup(table: usize, bits: u64): PairEntry {
    return changetype<PairEntry>(table + ((<usize>(bits >> (64 - PAIR_BITS))) << 3));
  }

  /** Writes both values of an entry to positions `first` and `second` of the zigzag. */
  @inline static store(entry: PairEntry, bits: u64, first: u32, second: u32): void {
    const value1 = Stream.extend(bits << (<u64>entry.start1), <u64>entry.shift1);
    const value2 = Stream.extend(bits << (<u64>entry.start2), <u64>entry.shift2);
    store<i16>(block + <usize>load<u8>(OFFSETS + <usize>second), <i16>value2);
    store<i16>(block + <usize>load<u8>(OFFSETS + <usize>first), <i16>value1);
  }
}

/** Decodes one block of `c` into `block` from bit p on; returns the position after it. */
export function decodeBlock(c: Component, p: u32): u32 {
  const zero = i64x2.splat(0);
  v128.store(block, zero);
  v128.store(block, zero, 16);
  v128.store(block, zero, 32);
  v128.store(block, zero, 48);
  v128.store(block, zero, 64);
  v128.store(block, zero, 80);
  v128.store(block, zero, 96);
  v128.store(block, zero, 112);

  const base = bitsBase;
  let at = base - <usize>(p >> 3);
  let bits = Reader.bits(at, p);
  let have = 56 - <u64>(p & 7);
  at -= 7;
  const dc = codeOfDc(c.dcTable, bits);
  const dcSize = <u64>(dc & 15);
  bits <<= <u64>(dc >> 8);
  c.prediction += Stream.extend(bits, 63 - dcSize);
  store<i16>(block, <i16>c.prediction);
  bits <<= dcSize;
  have -= <u64>(dc >> 8) + dcSize;

  const pairs = c.acTable + PAIR_TABLE;
  let k: u32 = 0;
  while (true) {
    bits |= load<u64>(at) >> have;
    at -= <usize>((63 - have) >> 3);
    have |= 56;
    let entry = Reader.lookup(pairs, bits);
    let taken = <u64>entry.bits;
    if (taken === 0) {
      const found = longCode(c.acTable, bits);
      const size = <u64>(found & 15);
      k += advanceOf(found & 255);
      bits <<= <u64>(found >> 8);
      store<i16>(block + <usize>load<u8>(OFFSETS + <usize>k), <i16>Stream.extend(bits, 63 - size));
      bits <<= size;
      have -= <u64>(found >> 8) + size;
      if (k >= 63) break;
      continue;
    }
    let first = k + <u32>entry.advance1;
    k = first + <u32>entry.advance2;
    Reader.store(entry, bits, first, k);
    if (first >= 63) {
      have -= <u64>entry.bits1;
      k = first;
      break;
    }
    bits <<= taken;
    have -= taken;
    if (k >= 63) break;

    entry = Reader.lookup(pairs, bits);
    taken = <u64>entry.bits;
    if (taken === 0) continue;
    first = k + <u32>entry.advance1;
    k = first + <u32>entry.advance2;
    Reader.store(entry, bits, first, k);
    if (first >= 63) {
      have -= <u64>entry.bits1;
      k = first;
      break;
    }
    bits <<= taken;
    have -= taken;
    if (k >= 63) break;
  }
  lastPosition = k & (END_OF_BLOCK - 1);
  return <u32>((base - at) << 3) - <u32>have;
}

/** Skips one block: reads as decodeBlock would, but keeps only the DC prediction. */
export function skipBlock(c: Component, p: u32): u32 {
  const base = bitsBase;
  let at = base - <usize>(p >> 3);
  let bits = Reader.bits(at, p);
  let have = 56 - <u64>(p & 7);
  at -= 7;
  const dc = codeOfDc(c.dcTable, bits);
  const dcSize = <u64>(dc & 15);
  bits <<= <u64>(dc >> 8);
  c.prediction += Stream.extend(bits, 63 - dcSize);
  bits <<= dcSize;
  have -= <u64>(dc >> 8) + dcSize;

  const pairs = c.acTable + PAIR_TABLE;
  let k: u32 = 0;
  while (true) {
    bits |= load<u64>(at) >> have;
    at -= <usize>((63 - have) >> 3);
    have |= 56;
    let entry = Reader.lookup(pairs, bits);
    let taken = <u64>entry.bits;
    if (taken === 0) {
      const found = longCode(c.acTable, bits);
      taken = <u64>((found >> 8) + (found & 15));
      k += advanceOf(found & 255);
      bits <<= taken;
      have -= taken;
      if (k >= 63) break;
      continue;
    }
    k += <u32>entry.advance1;
    if (k >= 63) {
      have -= <u64>entry.bits1;
      break;
    }
    k += <u32>entry.advance2;
    bits <<= taken;
    have -= taken;
    if (k >= 63) break;

    entry = Reader.lookup(pairs, bits);
    taken = <u64>entry.bits;
    if (taken === 0) continue;
    k += <u32>entry.advance1;
    if (k >= 63) {
      have -= <u64>entry.bits1;
      break;
    }
    k += <u32>entry.advance2;
    bits <<= taken;
    have -= taken;
    if (k >= 63) break;
  }
  return <u32>((base - at) << 3) - <u32>have;
}

/** Code length << 8 | size of the DC difference on top of `bits`. */
function codeOfDc(table: usize, bits: u64): u32 {
  const entry = Reader.lookup(table + PAIR_TABLE, bits);
  const length = <u32>entry.start1;
  return length === 0 ? longCode(table, bits) : (length << 8) | (63 - <u32>entry.shift1);
}
