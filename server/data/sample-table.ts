// Sample table: names, sizes and places of a data set's samples in few bytes, as plain values that threads share.
//
// Rows are front-coded in blocks of 16: each has the number of bytes that its name shares with the row before it, the
// rest of the name, and its numbers as varints. A million files with names of 30 characters take about 22 MB; reading a
// row decodes at most one block, in about 2 microseconds.

import { VitrineError } from "../../runtime/errors.js";
import type { SampleLayout } from "./sample-location.js";

/** A file that samples are ranges of, such as a tar shard. */
export interface Shard {
  /** Relative to the data set's root. */
  name: string;
  bytes: number;
  /** Absent: not compared. */
  modifiedMs?: number;
  /** Of a remote shard. Absent: not compared. */
  etag?: string;
}

export interface SampleTable {
  count: number;
  rows: Uint8Array;
  /** Where each block of rows starts, and where the last one ends. */
  starts: Float64Array;
  /** What the rows are ranges of; without any, each row is a file. */
  shards: readonly Shard[];
  /** SHA-256 of each sample, 32 bytes each; empty without. */
  hashes: Uint8Array;
  /** How each sample's bytes are a picture. Default: they are a file of a picture format. */
  layout?: SampleLayout | undefined;
}

/** One sample. */
export interface Row {
  /** File name relative to the root, "/" between folders: bytes, mostly UTF-8. */
  name: Uint8Array;
  /** Bytes of the sample. */
  size: number;
  /** When the file was last modified, milliseconds since 1970; of a shard's sample NaN. */
  modifiedMs: number;
  /** Index of the shard, and the sample's first byte in it; both 0 for files. */
  shard: number;
  offset: number;
}

export const HASH_BYTES = 32;
const BLOCK = 16;
/** No file system has longer paths. */
const LONGEST_NAME = 65_535;

const damaged = (what: string): VitrineError =>
  new VitrineError("data/bad-index", `the table of samples is damaged: ${what}`);

/** Reads rows in order, from the start of a block. Throws `data/bad-index` for rows that no builder wrote. */
class RowReader implements Row {
  name: Uint8Array = new Uint8Array(0);
  size = 0;
  modifiedMs = Number.NaN;
  shard = 0;
  offset = 0;
  at = 0;
  readonly #names = new Uint8Array(LONGEST_NAME);
  #length = 0;
  readonly #table: SampleTable;
  readonly #view: DataView;

  constructor(table: SampleTable) {
    this.#table = table;
    const { buffer, byteOffset, byteLength } = table.rows;
    this.#view = new DataView(buffer, byteOffset, byteLength);
  }

  startBlock(block: number): void {
    this.at = this.#table.starts[block];
    this.#length = 0;
  }

  next(): void {
    const { rows, shards } = this.#table;
    const shared = this.#varint();
    const rest = this.#varint();
    if (shared > this.#length || shared + rest > LONGEST_NAME || rest > rows.length - this.at)
      throw damaged(`a name at byte ${this.at}`);
    this.#names.set(rows.subarray(this.at, this.at + rest), shared);
    this.at += rest;
    this.#length = shared + rest;
    this.name = this.#names.subarray(0, this.#length);
    this.size = this.#varint();
    if (shards.length === 0) {
      if (this.at + 8 > rows.length) throw damaged(`a time at byte ${this.at}`);
      this.modifiedMs = this.#view.getFloat64(this.at, true);
      this.at += 8;
      return;
    }
    this.shard = this.#varint();
    this.offset = this.#varint();
    if (this.shard >= shards.length || this.offset + this.size > shards[this.shard].bytes)
      throw damaged(`a range at byte ${this.at}`);
  }

  /** Seven bits a byte, the lowest first. */
  #varint(): number {
    const { rows } = this.#table;
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      if (this.at >= rows.length) break;
      const byte = rows[this.at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw damaged(`a number at byte ${this.at}`);
  }
}

/** Readers have a buffer for names; tables in use are few. */
const readers = new WeakMap<SampleTable, RowReader>();

function readerOf(table: SampleTable): RowReader {
  let reader = readers.get(table);
  if (reader === undefined) {
    reader = new RowReader(table);
    readers.set(table, reader);
  }
  return reader;
}

/** Row `index`; valid until the next row of the table is read. */
export function rowAt(table: SampleTable, index: number): Row {
  if (!(index >= 0 && index < table.count))
    throw new VitrineError("data/bad-place", `sample ${index} of ${table.count}`);
  const reader = readerOf(table);
  reader.startBlock(Math.floor(index / BLOCK));
  for (let i = 0; i <= index % BLOCK; i++) reader.next();
  return reader;
}

/** All rows in order; each is valid until the next one. */
export function* rowsOf(table: SampleTable): Generator<Row> {
  const reader = new RowReader(table);
  for (let index = 0; index < table.count; index++) {
    if (index % BLOCK === 0) reader.startBlock(index / BLOCK);
    reader.next();
    yield reader;
  }
}

/** Reads every row of a table from outside. Throws `data/bad-index`. */
export function checkTable(table: SampleTable): void {
  const { count, rows, starts } = table;
  const blocks = Math.ceil(count / BLOCK);
  if (starts.length !== blocks + 1 || starts[0] !== 0 || starts[blocks] !== rows.length)
    throw damaged("its blocks do not cover its rows");
  const reader = new RowReader(table);
  for (let index = 0; index < count; index++) {
    if (index % BLOCK === 0) {
      if (reader.at !== starts[index / BLOCK])
        throw damaged(`block ${index / BLOCK} does not start where it should`);
      reader.startBlock(index / BLOCK);
    }
    reader.next();
  }
  if (reader.at !== rows.length) throw damaged("bytes behind its last row");
}

/** SHA-256 of sample `index`, hex; undefined where the table has none. */
export function hashAt({ hashes }: SampleTable, index: number): string | undefined {
  if (hashes.length === 0) return undefined;
  return Buffer.from(hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES)).toString("hex");
}

/** A copy in memory that threads share. */
function shared(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

/** Bytes of a row's numbers at most. */
const LONGEST_NUMBERS = 48;

/** Collects rows. What is built so far can be read with `rowAt(builder, …)`. */
export class TableBuilder implements SampleTable {
  count = 0;
  rows = new Uint8Array(1 << 16);
  starts = new Float64Array(1 << 10);
  readonly shards: Shard[] = [];
  readonly hashes = new Uint8Array(0);
  #end = 0;
  /** Name of the last row. */
  #last: Uint8Array = new Uint8Array(0);

  /** Throws `file/unreadable` for a name that no file system has. */
  add(name: string | Uint8Array, size: number, modifiedMs: number, shard = 0, offset = 0): void {
    const bytes = typeof name === "string" ? Buffer.from(name) : name;
    if (bytes.length > LONGEST_NAME) {
      const text = `a name of ${bytes.length} bytes; allowed: ${LONGEST_NAME}`;
      throw new VitrineError("file/unreadable", text);
    }
    this.#reserve(bytes.length + LONGEST_NUMBERS);
    if (this.count % BLOCK === 0) {
      this.#startBlock(this.count / BLOCK);
      this.#last = new Uint8Array(0);
    }
    let same = 0;
    const most = Math.min(bytes.length, this.#last.length);
    while (same < most && bytes[same] === this.#last[same]) same++;
    this.#varint(same);
    this.#varint(bytes.length - same);
    this.rows.set(bytes.subarray(same), this.#end);
    this.#end += bytes.length - same;
    this.#varint(size);
    if (this.shards.length === 0) {
      new DataView(this.rows.buffer).setFloat64(this.#end, modifiedMs, true);
      this.#end += 8;
    } else {
      this.#varint(shard);
      this.#varint(offset);
    }
    this.#last = bytes;
    this.count++;
  }

  /** The table, in shared memory. */
  finish(hashes: Uint8Array = this.hashes): SampleTable {
    const blocks = Math.ceil(this.count / BLOCK);
    const starts = new Float64Array(new SharedArrayBuffer(8 * (blocks + 1)));
    starts.set(this.starts.subarray(0, blocks));
    starts[blocks] = this.#end;
    const rows = shared(this.rows.subarray(0, this.#end));
    return { count: this.count, rows, starts, shards: this.shards, hashes: shared(hashes) };
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.rows.length) return;
    const larger = new Uint8Array(Math.max(2 * this.rows.length, this.#end + bytes));
    larger.set(this.rows);
    this.rows = larger;
    readers.delete(this);
  }

  #startBlock(block: number): void {
    if (block === this.starts.length) {
      const larger = new Float64Array(2 * this.starts.length);
      larger.set(this.starts);
      this.starts = larger;
    }
    this.starts[block] = this.#end;
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.rows[this.#end++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.rows[this.#end++] = rest;
  }
}
