// Huffman: decoding tables. A look at the next 11 bits finds one or two coefficients at once.
//
// An AC entry is eight bytes: what the first symbol adds to the position in the zigzag, how many bits it takes and
// where its value bits lie, and the same for a second symbol whose code lies wholly within the 11 bits. A value is
// cut out of the bit stream, not out of the table, so value bits may reach beyond the look. Where there is no
// second symbol, its fields make it write a zero that the first symbol's value then overwrites. End-of-block adds
// END_OF_BLOCK to the position, which ends the loop over a block without a test of its own.

import { fail } from "../outcome";
import { Status } from "../status";
import { STANDARD_TABLE_OFFSETS, STANDARD_TABLES } from "./standard-tables";

/** Bits of a look. 10 halves the tables but misses more pairs; 12 no longer fits the first-level cache. */
export const LOOK_BITS: u32 = 11;
const LOOKS: u32 = 1 << LOOK_BITS;

/** Added to the zigzag position by an end-of-block symbol. */
export const END_OF_BLOCK: u32 = 128;

/** A table: definition (16 counts, 256 symbols), code limits for long codes, then the looks. */
const COUNTS: usize = 0;
const SYMBOLS: usize = 16;
/** i32 [18]: first 16-bit look that begins with no code of up to l bits. */
const LIMITS: usize = 272;
/** i32 [18]: symbol index of a code of length l = code + this. */
const INDEX_SHIFTS: usize = 352;
export const LOOK_ENTRIES: usize = 448;
const TABLE_BYTES: usize = LOOK_ENTRIES + <usize>LOOKS * 8;

/** DC tables 0…3, then AC tables 0…3. */
const tables: usize = memory.data(8 * 16832, 64);
/** Bit i: table i of this file is defined; of the looks, whether they belong to that definition. */
let defined: u32 = 0;
let built: u32 = 0;

export function resetHuffman(): void {
  defined = 0;
}

/** Reads the body [at, end) of a DHT segment. */
export function readHuffman(at: usize, end: usize, base: usize): Status {
  while (at < end) {
    if (end - at < 17) return fail(Status.CorruptSegment, at - base, 0xc4);
    const head = <u32>load<u8>(at);
    const number = head & 15;
    const kind = head >> 4;
    let total: usize = 0;
    for (let l: usize = 1; l <= 16; l++) total += <usize>load<u8>(at + l);
    if (kind > 1 || number > 3 || total > 256 || end - at < 17 + total)
      return fail(Status.CorruptSegment, at - base, 0xc4);
    define(kind * 4 + number, at + 1, total);
    at += 17 + total;
  }
  return Status.Ok;
}

/** Takes 16 counts and `total` symbols over; looks made of an equal definition before stay valid. */
function define(slot: u32, from: usize, total: usize): void {
  const table = tables + <usize>slot * TABLE_BYTES;
  defined |= 1 << slot;
  if ((built & (1 << slot)) !== 0 && memory.compare(table, from, 16 + total) === 0) return;
  built &= ~(1 << slot);
  memory.fill(table, 0, LIMITS);
  memory.copy(table, from, 16 + total);
}

/** Motion JPEG leaves the tables out where they are those of the standard's annex K. */
export function defineMissingTables(): void {
  for (let i: u32 = 0; i < 4; i++) {
    const slot = (i >> 1) * 4 + (i & 1);
    if ((defined & (1 << slot)) !== 0) continue;
    const from = STANDARD_TABLES + <usize>load<u16>(STANDARD_TABLE_OFFSETS + ((<usize>i) << 1));
    let total: usize = 0;
    for (let l: usize = 0; l < 16; l++) total += <usize>load<u8>(from + l);
    define(slot, from, total);
  }
}

/** Address of a DC (kind 0) or AC (kind 1) table ready for use; 0: not defined, 1: its code lengths are impossible. */
export function huffmanTable(kind: u32, number: u32): usize {
  const slot = kind * 4 + number;
  if (number > 3 || (defined & (1 << slot)) === 0) return 0;
  const table = tables + <usize>slot * TABLE_BYTES;
  if ((built & (1 << slot)) === 0) {
    if (!buildLimits(table) || (kind === 0 && !symbolsAreDc(table))) return 1;
    buildSingles(table, kind === 1);
    if (kind === 1) buildPairs(table);
    built |= 1 << slot;
  }
  return table;
}

/** Code limits by length from the counts; false where a code would be all ones, which the standard forbids. */
function buildLimits(table: usize): bool {
  let code: i32 = 0;
  let index: i32 = 0;
  for (let l: i32 = 1; l <= 16; l++) {
    const count = <i32>load<u8>(table + COUNTS + <usize>(l - 1));
    store<i32>(table + INDEX_SHIFTS + ((<usize>l) << 2), index - code);
    code += count;
    index += count;
    if (count !== 0 && code >= 1 << l) return false;
    store<i32>(table + LIMITS + ((<usize>l) << 2), code << (16 - l));
    code <<= 1;
  }
  return true;
}

function symbolsAreDc(table: usize): bool {
  let total: usize = 0;
  for (let l: usize = 0; l < 16; l++) total += <usize>load<u8>(table + COUNTS + l);
  for (let i: usize = 0; i < total; i++) if (load<u8>(table + SYMBOLS + i) > 15) return false;
  return true;
}

/** First 16 bits of the stream → code length << 8 | symbol; 17 << 8 where no code begins so. */
export function findCode(table: usize, next16: i32): u32 {
  for (let l: i32 = 1; l <= 16; l++) {
    if (next16 < load<i32>(table + LIMITS + ((<usize>l) << 2))) {
      const index = (next16 >> (16 - l)) + load<i32>(table + INDEX_SHIFTS + ((<usize>l) << 2));
      return ((<u32>l) << 8) | <u32>load<u8>(table + SYMBOLS + (<usize>index & 255));
    }
  }
  return 17 << 8;
}

/** One look's fields, in the order in which they lie in memory. */
@unmanaged
export class Look {
  /** Bits of both symbols; 0 sends the caller to `findCode`. */
  bits: u8;
  /** Position added by the first symbol, and by the second. */
  advance1: u8;
  advance2: u8;
  /** Bits of the first symbol alone. */
  bits1: u8;
  /** Bits before the first value, and its size. */
  start1: u8;
  size1: u8;
  start2: u8;
  size2: u8;
}

/** Position added by an AC symbol run << 4 | size. */
export function advanceOf(symbol: u32): u32 {
  const run = symbol >> 4;
  if ((symbol & 15) === 0 && run < 15) return END_OF_BLOCK;
  return run + 1;
}

function buildSingles(table: usize, ac: bool): void {
  for (let look: u32 = 0; look < LOOKS; look++) {
    const entry = changetype<Look>(table + LOOK_ENTRIES + ((<usize>look) << 3));
    store<u64>(changetype<usize>(entry), 0);
    const found = findCode(table, look << (16 - LOOK_BITS));
    const length = found >> 8;
    if (length > LOOK_BITS) continue;
    const size = found & 15;
    entry.start1 = <u8>length;
    entry.size1 = <u8>size;
    entry.bits1 = <u8>(length + size);
    entry.advance1 = ac ? <u8>advanceOf(found & 255) : 0;
    entry.start2 = entry.bits1;
    entry.bits = entry.bits1;
  }
}

/** Adds the second symbol where its code lies within the look and the first is no end of block. */
function buildPairs(table: usize): void {
  for (let look: u32 = 0; look < LOOKS; look++) {
    const entry = changetype<Look>(table + LOOK_ENTRIES + ((<usize>look) << 3));
    if (entry.bits === 0 || <u32>entry.bits1 >= LOOK_BITS || <u32>entry.advance1 === END_OF_BLOCK) continue;
    const rest = (look << entry.bits1) & (LOOKS - 1);
    const next = changetype<Look>(table + LOOK_ENTRIES + ((<usize>rest) << 3));
    const length = <u32>next.start1;
    if (length === 0 || <u32>entry.bits1 + length > LOOK_BITS) continue;
    entry.start2 = <u8>(<u32>entry.bits1 + length);
    entry.size2 = next.size1;
    entry.advance2 = next.advance1;
    entry.bits = <u8>(<u32>entry.start2 + <u32>next.size1);
  }
}
