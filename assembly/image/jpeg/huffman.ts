// Huffman: the tables of DHT segments, and what is built of them on first use and kept while they stay the same.

import { fail } from "../outcome";
import { Status } from "../status";
import { buildLimits, codesOfLength, DEFINITION_BYTES, symbolAt } from "./code-limits";
import { buildPairLooks, buildSymbolLooks, TABLE_BYTES } from "./looks";
import { STANDARD_TABLE_OFFSETS, STANDARD_TABLES } from "./standard-tables";

/** Which looks a scan reads a table through. */
export enum LookForm {
  Pairs = 0,
  Symbols = 1,
}

/** `huffmanTable` of a table that the file has not brought, and of one whose codes are impossible. */
export const TABLE_MISSING: usize = 0;
export const TABLE_IMPOSSIBLE: usize = 1;

/** DC tables 0…3, then AC tables 0…3. */
const tables: usize = memory.data(8 * 9664, 64);
/** Bit i: table i is defined by this file; its pair or symbol looks belong to its present definition. */
let defined: u32 = 0;
let pairsBuilt: u32 = 0;
let symbolsBuilt: u32 = 0;

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

function tableOf(slot: u32): usize {
  return tables + <usize>slot * TABLE_BYTES;
}

/** Takes 16 counts and `total` symbols over; looks built of an equal definition before stay valid. */
function define(slot: u32, from: usize, total: usize): void {
  const bit: u32 = 1 << slot;
  const table = tableOf(slot);
  defined |= bit;
  if (((pairsBuilt | symbolsBuilt) & bit) !== 0 && memory.compare(table, from, 16 + total) === 0) return;
  pairsBuilt &= ~bit;
  symbolsBuilt &= ~bit;
  memory.fill(table, 0, DEFINITION_BYTES);
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

/** Address of a DC (kind 0) or AC (kind 1) table with its looks built, TABLE_MISSING or TABLE_IMPOSSIBLE. */
export function huffmanTable(kind: u32, number: u32, form: LookForm): usize {
  const slot = kind * 4 + number;
  const bit: u32 = 1 << slot;
  if (number > 3 || (defined & bit) === 0) return TABLE_MISSING;
  const table = tableOf(slot);
  const built = form === LookForm.Pairs ? pairsBuilt : symbolsBuilt;
  if ((built & bit) !== 0) return table;
  if (!buildLimits(table) || (kind === 0 && !symbolsAreDc(table))) return TABLE_IMPOSSIBLE;
  if (form === LookForm.Pairs) {
    buildPairLooks(table, kind === 1);
    pairsBuilt |= bit;
  } else {
    buildSymbolLooks(table);
    symbolsBuilt |= bit;
  }
  return table;
}

/** A DC symbol is a size of up to 15 bits. */
function symbolsAreDc(table: usize): bool {
  let index: usize = 0;
  for (let length: usize = 1; length <= 16; length++)
    for (let n = codesOfLength(table, length); n > 0; n--) if (symbolAt(table, index++) > 15) return false;
  return true;
}
