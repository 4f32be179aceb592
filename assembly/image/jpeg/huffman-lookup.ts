// Huffman lookup: a table's definition turned into what the decoders read. Canonical codes are found by length; the
// next bits of the stream index lookup tables that hold one or two coefficients of a sequential block, or one symbol
// of a progressive scan.
//
// A pair entry is eight bytes: what the first symbol adds to the position in the zigzag, how many bits it takes and
// where its value bits start, and the same for a second symbol whose code is wholly within the looked-up bits. A
// value is cut out of the stream, not out of the table, so its bits may reach beyond the looked-up ones. Where there is
// no second symbol, its fields make it write a zero that the first symbol's value then overwrites. End-of-block adds
// END_OF_BLOCK to the position, which ends the loop over a block without a separate test.

/** A table starts with its definition, 16 counts of codes by length and up to 256 symbols, … */
const COUNTS: usize = 0;
const SYMBOLS: usize = 16;
/** … then i32 [18]: the first 16 bits that begin with no code of up to l bits, … */
const LIMITS: usize = 272;
/** … i32 [18]: symbol index of a code of length l = code + this, … */
const INDEX_SHIFTS: usize = 352;
/** Bits that index the pair table. 200 photographs take 0.77 ms each with 10, 0.78 with 11 and 0.83 with 12. */
export const PAIR_BITS: u32 = 10;
const PAIR_ENTRIES: usize = 1 << 10;
/** … pair entries, 8 bytes each, … */
export const PAIR_TABLE: usize = 448;
/** … and symbol entries, u16 each: code length << 8 | symbol, 0 for longer codes. */
export const SYMBOL_TABLE: usize = PAIR_TABLE + PAIR_ENTRIES * 8;
export const TABLE_BYTES: usize = SYMBOL_TABLE + 1024;

export const DEFINITION_BYTES: usize = LIMITS;

/** Bits that index the symbol table. */
export const SYMBOL_BITS: u32 = 9;

/** Length and symbol of a code that does not exist; the symbol ends a block. */
const NO_CODE: u32 = 17 << 8;

/** Added to the zigzag position by an end-of-block symbol. */
export const END_OF_BLOCK: u32 = 128;

/** A pair entry's fields, in memory order. */
@unmanaged
export class PairEntry {
  /** Bits of both symbols; 0: the code is longer than PAIR_BITS. */
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

export function codesOfLength(table: usize, length: usize): u32 {
  return <u32>load<u8>(table + COUNTS + length - 1);
}

export function symbolAt(table: usize, index: usize): u32 {
  return <u32>load<u8>(table + SYMBOLS + index);
}

/** Fills in the limits of a definition; false where a code would be all ones, which the standard forbids. */
export function buildLimits(table: usize): bool {
  let code: i32 = 0;
  let index: i32 = 0;
  for (let l: i32 = 1; l <= 16; l++) {
    const count = <i32>codesOfLength(table, l);
    store<i32>(table + INDEX_SHIFTS + ((<usize>l) << 2), index - code);
    code += count;
    index += count;
    if (count !== 0 && code >= 1 << l) return false;
    store<i32>(table + LIMITS + ((<usize>l) << 2), code << (16 - l));
    code <<= 1;
  }
  return true;
}

/** Whether a code that no table defines was read since this was cleared. */
export let sawBadCode: bool = false;

export function clearBadCode(): void {
  sawBadCode = false;
}

/**
 * Length << 8 | symbol of the code on top of `bits`, for codes that the lookup tables do not hold; a code that does not
 * exist counts as 17 bits and symbol 0.
 */
export function longCode(table: usize, bits: u64): u32 {
  const next16 = <i32>(bits >> 48);
  for (let l: i32 = 1; l <= 16; l++) {
    if (next16 < load<i32>(table + LIMITS + ((<usize>l) << 2))) {
      const index = (next16 >> (16 - l)) + load<i32>(table + INDEX_SHIFTS + ((<usize>l) << 2));
      return ((<u32>l) << 8) | symbolAt(table, <usize>(index & 255));
    }
  }
  sawBadCode = true;
  return NO_CODE;
}

/** Position added by an AC symbol run << 4 | size of a sequential scan. */
export function advanceOf(symbol: u32): u32 {
  const run = symbol >> 4;
  if ((symbol & 15) === 0 && run < 15) return END_OF_BLOCK;
  return run + 1;
}

/** Builds the pair table of a definition whose limits are valid; DC tables have no second symbols. */
export function buildPairTable(table: usize, ac: bool): void {
  const pairs = table + PAIR_TABLE;
  memory.fill(pairs, 0, PAIR_ENTRIES * 8);
  let at = pairs;
  let index: usize = 0;
  // Canonical codes ascend, so the table fills from its first entry to its last.
  for (let length: u32 = 1; length <= PAIR_BITS; length++) {
    for (let n = codesOfLength(table, length); n > 0; n--) {
      const symbol = symbolAt(table, index++);
      const size = symbol & 15;
      const entry = changetype<PairEntry>(at);
      entry.start1 = <u8>length;
      entry.shift1 = <u8>(63 - size);
      entry.shift2 = 63;
      entry.bits1 = <u8>(length + size);
      entry.advance1 = ac ? <u8>advanceOf(symbol) : 0;
      entry.start2 = entry.bits1;
      entry.bits = entry.bits1;
      const filled = at + (8 << (PAIR_BITS - length));
      const value = load<u64>(at);
      for (; at < filled; at += 8) store<u64>(at, value);
    }
  }
  if (ac) for (let bits: u32 = 0; bits < 1 << PAIR_BITS; bits++) addSecond(pairs, bits);
}

/** Adds the second symbol where its code is within the looked-up bits and the first is no end of block. */
function addSecond(pairs: usize, bits: u32): void {
  const entry = changetype<PairEntry>(pairs + ((<usize>bits) << 3));
  const taken = <u32>entry.bits1;
  if (taken === 0 || taken >= PAIR_BITS || <u32>entry.advance1 === END_OF_BLOCK) return;
  const rest = (bits << taken) & ((1 << PAIR_BITS) - 1);
  const next = changetype<PairEntry>(pairs + ((<usize>rest) << 3));
  const length = <u32>next.start1;
  if (length === 0 || taken + length > PAIR_BITS) return;
  entry.start2 = <u8>(taken + length);
  entry.shift2 = next.shift1;
  entry.advance2 = next.advance1;
  entry.bits = <u8>(<u32>entry.start2 + 63 - <u32>next.shift1);
}

/** Builds the symbol table of a definition whose limits are valid. */
export function buildSymbolTable(table: usize): void {
  let at = table + SYMBOL_TABLE;
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
