// Deflate codes: the two Huffman codes of a block (RFC 1951, 3.2) as lookup tables. Ten bits look a code up at once;
// the few codes that are longer are found length by length.

/** Bits that index a lookup table. */
export const PRIMARY_BITS: u32 = 10;
const MOST_BITS: u32 = 15;

/**
 * A table: u32 [1024] entries, 0 where the code is longer; then u16 [16] codes of each length and u16 [288] symbols in
 * order of their codes, for the search.
 */
const COUNTS: usize = 4096;
const SYMBOLS: usize = COUNTS + 32;
const TABLE_BYTES: usize = SYMBOLS + 576 + 32;

export const LITERAL_CODES: usize = memory.data(4736, 64);
export const DISTANCE_CODES: usize = memory.data(4736, 64);
/** Code lengths of the block being read, u8 [320]. */
export const CODE_LENGTHS: usize = memory.data(320, 16);

/** What a code means: its bits 0…3, kind 4…7, extra bits 8…15, value 16…31. */
export class Entry {
  /** Value: the byte; or, of a code of code lengths, the symbol. */
  static readonly LITERAL: u32 = 1;
  /** Value: the smallest length or distance; the extra bits are added. */
  static readonly MATCH: u32 = 2;
  static readonly END: u32 = 3;
  static readonly INVALID: u32 = 4;

  @inline static bits(entry: u32): u32 {
    return entry & 15;
  }
  @inline static kind(entry: u32): u32 {
    return (entry >> 4) & 15;
  }
  @inline static extra(entry: u32): u32 {
    return (entry >> 8) & 255;
  }
  @inline static value(entry: u32): u32 {
    return entry >> 16;
  }
  @inline static of(kind: u32, value: u32, extra: u32): u32 {
    return (value << 16) | (extra << 8) | (kind << 4);
  }
}

/** The entry of a symbol, without the length of its code. */
function meaningOf(table: usize, symbol: u32, plain: bool): u32 {
  if (plain) return Entry.of(Entry.LITERAL, symbol, 0);
  if (table === DISTANCE_CODES) {
    if (symbol > 29) return Entry.of(Entry.INVALID, 0, 0);
    if (symbol < 4) return Entry.of(Entry.MATCH, symbol + 1, 0);
    const extra = (symbol >> 1) - 1;
    return Entry.of(Entry.MATCH, ((2 + (symbol & 1)) << extra) + 1, extra);
  }
  if (symbol < 256) return Entry.of(Entry.LITERAL, symbol, 0);
  if (symbol === 256) return Entry.of(Entry.END, 0, 0);
  if (symbol > 285) return Entry.of(Entry.INVALID, 0, 0);
  if (symbol === 285) return Entry.of(Entry.MATCH, 258, 0);
  const step = symbol - 257;
  if (step < 8) return Entry.of(Entry.MATCH, step + 3, 0);
  const extra = (step >> 2) - 1;
  return Entry.of(Entry.MATCH, ((4 + (step & 3)) << extra) + 3, extra);
}

/**
 * Builds a table from code lengths u8 [count]. `plain`: symbols are their own values (the code of code lengths). False
 * for lengths that zlib refuses: more codes than fit, or codes left over, except a single code of one bit, or none.
 */
export function buildCodes(table: usize, lengths: usize, count: u32, plain: bool): bool {
  memory.fill(table, 0, TABLE_BYTES);
  for (let i: usize = 0; i < <usize>count; i++) {
    const at = table + COUNTS + ((<usize>load<u8>(lengths + i)) << 1);
    store<u16>(at, load<u16>(at) + 1);
  }
  store<u16>(table + COUNTS, 0);
  let left: i32 = 1;
  let longest: u32 = 0;
  for (let length: u32 = 1; length <= MOST_BITS; length++) {
    const codes = <i32>load<u16>(table + COUNTS + ((<usize>length) << 1));
    left = (left << 1) - codes;
    if (left < 0) return false;
    if (codes > 0) longest = length;
  }
  if (left > 0 && longest > 0 && (plain || longest !== 1)) return false;
  if (longest === 0 && plain) return false;

  // Unused codes are invalid.
  const invalid = Entry.of(Entry.INVALID, 0, 0) | 1;
  if (left > 0) for (let i: usize = 0; i < COUNTS; i += 4) store<u32>(table + i, invalid);
  let code: u32 = 0;
  let place: u32 = 0;
  for (let length: u32 = 1; length <= longest; length++, code <<= 1) {
    for (let symbol: u32 = 0; symbol < count; symbol++) {
      if (<u32>load<u8>(lengths + symbol) !== length) continue;
      store<u16>(table + SYMBOLS + ((<usize>place) << 1), symbol);
      place++;
      if (length <= PRIMARY_BITS) fill(table, code, length, meaningOf(table, symbol, plain) | length);
      code++;
    }
  }
  return true;
}

/** Stores the entry wherever the index's low bits are the code, whose first bit is the lowest. */
function fill(table: usize, code: u32, length: u32, entry: u32): void {
  let reversed: u32 = 0;
  for (let i: u32 = 0; i < length; i++) reversed |= ((code >> i) & 1) << (length - 1 - i);
  for (let i = reversed; i < 1 << PRIMARY_BITS; i += 1 << length)
    store<u32>(table + ((<usize>i) << 2), entry);
}

/** The entry of a code longer than the index, at the low end of `bits`. */
export function lookUpLong(table: usize, bits: u32): u32 {
  let code: i32 = 0;
  let first: i32 = 0;
  let place: i32 = 0;
  for (let length: u32 = 1; length <= MOST_BITS; length++) {
    code |= bits & 1;
    bits >>= 1;
    const codes = <i32>load<u16>(table + COUNTS + ((<usize>length) << 1));
    if (code - first < codes) {
      const symbol = <u32>load<u16>(table + SYMBOLS + ((<usize>(place + code - first)) << 1));
      return meaningOf(table, symbol, false) | length;
    }
    place += codes;
    first = (first + codes) << 1;
    code <<= 1;
  }
  return Entry.of(Entry.INVALID, 0, 0) | 1;
}

/** Loads the codes of a block that defines none (RFC 1951, 3.2.6). */
export function useFixedCodes(): void {
  for (let i: usize = 0; i < 288; i++)
    store<u8>(CODE_LENGTHS + i, i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8);
  buildCodes(LITERAL_CODES, CODE_LENGTHS, 288, false);
  memory.fill(CODE_LENGTHS, 5, 32);
  buildCodes(DISTANCE_CODES, CODE_LENGTHS, 32, false);
}
