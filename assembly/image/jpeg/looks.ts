// Looks: what the next bits of a stream hold, tabulated. One look finds one or two coefficients of a sequential
// block, or one symbol of a progressive scan.
//
// A pair look is eight bytes: what the first symbol adds to the position in the zigzag, how many bits it takes and
// where its value bits lie, and the same for a second symbol whose code lies wholly within the looked-at bits. A
// value is cut out of the stream, not out of the table, so its bits may reach beyond the look. Where there is no
// second symbol, its fields make it write a zero that the first symbol's value then overwrites. End-of-block adds
// END_OF_BLOCK to the position, which ends the loop over a block without a test of its own.

import { codesOfLength, LIMITS_END, symbolAt } from "./code-limits";

/** Bits of a pair look. 200 photographs take 0.77 ms each with 10, 0.78 with 11 and 0.83 with 12. */
export const LOOK_BITS: u32 = 10;
const LOOKS: usize = 1 << 10;
export const PAIR_LOOKS: usize = LIMITS_END;

/** Bits of a symbol look, u16: code length << 8 | symbol, 0 for longer codes. */
export const SYMBOL_BITS: u32 = 9;
export const SYMBOL_LOOKS: usize = PAIR_LOOKS + LOOKS * 8;
export const TABLE_BYTES: usize = SYMBOL_LOOKS + 1024;

/** Added to the zigzag position by an end-of-block symbol. */
export const END_OF_BLOCK: u32 = 128;

/** One pair look's fields, in the order in which they lie in memory. */
@unmanaged
export class Look {
  /** Bits of both symbols; 0: the code is longer than the look. */
  bits: u8;
  /** Position added by the first symbol, and by the second. */
  advance1: u8;
  advance2: u8;
  /** Bits of the first symbol alone. */
  bits1: u8;
  /** Bits before the first value, and 63 − its size. */
  start1: u8;
  shift1: u8;
  start2: u8;
  shift2: u8;
}

/** Position added by an AC symbol run << 4 | size of a sequential scan. */
export function advanceOf(symbol: u32): u32 {
  const run = symbol >> 4;
  if ((symbol & 15) === 0 && run < 15) return END_OF_BLOCK;
  return run + 1;
}

/** Pair looks of a table whose limits are known to be sound; DC tables have no second symbols. */
export function buildPairLooks(table: usize, ac: bool): void {
  const looks = table + PAIR_LOOKS;
  memory.fill(looks, 0, LOOKS * 8);
  let at = looks;
  let index: usize = 0;
  // Canonical codes ascend, so that the looks fill from the first to the last.
  for (let length: u32 = 1; length <= LOOK_BITS; length++) {
    for (let n = codesOfLength(table, length); n > 0; n--) {
      const symbol = symbolAt(table, index++);
      const size = symbol & 15;
      const entry = changetype<Look>(at);
      entry.start1 = <u8>length;
      entry.shift1 = <u8>(63 - size);
      entry.shift2 = 63;
      entry.bits1 = <u8>(length + size);
      entry.advance1 = ac ? <u8>advanceOf(symbol) : 0;
      entry.start2 = entry.bits1;
      entry.bits = entry.bits1;
      const filled = at + (8 << (LOOK_BITS - length));
      const value = load<u64>(at);
      for (; at < filled; at += 8) store<u64>(at, value);
    }
  }
  if (ac) for (let look: u32 = 0; look < 1 << LOOK_BITS; look++) addSecond(looks, look);
}

/** Adds the second symbol where its code lies within the look and the first is no end of block. */
function addSecond(looks: usize, look: u32): void {
  const entry = changetype<Look>(looks + ((<usize>look) << 3));
  const taken = <u32>entry.bits1;
  if (taken === 0 || taken >= LOOK_BITS || <u32>entry.advance1 === END_OF_BLOCK) return;
  const rest = (look << taken) & ((1 << LOOK_BITS) - 1);
  const next = changetype<Look>(looks + ((<usize>rest) << 3));
  const length = <u32>next.start1;
  if (length === 0 || taken + length > LOOK_BITS) return;
  entry.start2 = <u8>(taken + length);
  entry.shift2 = next.shift1;
  entry.advance2 = next.advance1;
  entry.bits = <u8>(<u32>entry.start2 + 63 - <u32>next.shift1);
}

/** Symbol looks of a table whose limits are known to be sound. */
export function buildSymbolLooks(table: usize): void {
  let at = table + SYMBOL_LOOKS;
  memory.fill(at, 0, 2 << SYMBOL_BITS);
  let index: usize = 0;
  for (let length: u32 = 1; length <= SYMBOL_BITS; length++) {
    for (let n = codesOfLength(table, length); n > 0; n--) {
      const value = <u16>((length << 8) | symbolAt(table, index++));
      const filled = at + (2 << (SYMBOL_BITS - length));
      for (; at < filled; at += 2) store<u16>(at, value);
    }
  }
}
