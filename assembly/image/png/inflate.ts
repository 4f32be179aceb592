// Inflate: a zlib stream (RFC 1950, 1951) → its content, handed on in pieces and never beyond what the caller needs, so
// that a small file cannot ask for memory or time that its header does not justify. Which streams are refused, and
// when, is zlib's choice: it stops after the last needed byte, and checks the sum only where the stream ends there too.

import { reserve } from "../call";
import { Region } from "../contract";
import { noteWork } from "../interruption";
import { addToSum, startSum, sumValue } from "./adler";
import {
  buildCodes,
  CODE_LENGTHS,
  DISTANCE_CODES,
  Entry,
  LITERAL_CODES,
  lookUpLong,
  PRIMARY_BITS,
  useFixedCodes,
} from "./deflate-codes";
import { Input } from "./deflate-input";

export enum Inflated {
  Ok = 0,
  /** The data ends too early. */
  Truncated = 1,
  /** Not what a compressor writes. */
  Corrupt = 2,
  /** The consumer refused a piece. */
  Refused = 3,
  OutOfMemory = 4,
}

/** Matches reach this far back. */
const WINDOW: usize = 32_768;
/** Bytes behind the window before they are handed on: large enough for few calls, small enough for a second-level cache. */
const PIECE: usize = 65_536;
/** A match may write this far beyond the end of a piece, and its last vector further. */
const OVERSHOOT: usize = 512;

let buffer: usize = 0;
/** Where the next byte goes, where the piece begins, and where it must be handed on. */
let out: usize = 0;
let piece: usize = 0;
let limit: usize = 0;
/** Bytes still to be handed on. */
let missing: u64 = 0;

/** Hands the piece on and moves the window to the start of the buffer. False if the consumer refuses it. */
function handOn(sink: (from: usize, bytes: usize) => bool): bool {
  const bytes = <usize>min<u64>(<u64>(out - piece), missing);
  noteWork(bytes);
  addToSum(piece, piece + bytes);
  if (!sink(piece, bytes)) return false;
  missing -= bytes;
  const held = min(out - buffer, WINDOW);
  memory.copy(buffer, out - held, held);
  out = buffer + held;
  piece = out;
  limit = piece + <usize>min<u64>(<u64>PIECE, missing);
  return true;
}

/**
 * Expands the zlib stream [start, end) and calls `sink` with consecutive pieces of its content, `needed` bytes in all.
 * Reads up to 16 bytes behind `end`.
 */
export function inflate(
  start: usize,
  end: usize,
  needed: u64,
  sink: (from: usize, bytes: usize) => bool,
): Inflated {
  buffer = reserve(Region.Bits, WINDOW + PIECE + OVERSHOOT);
  if (buffer === 0) return Inflated.OutOfMemory;
  if (end - start < 2) return Inflated.Truncated;
  const method = <u32>load<u8>(start);
  const flags = <u32>load<u8>(start, 1);
  if ((method & 15) !== 8 || method >> 4 > 7 || ((method << 8) | flags) % 31 !== 0 || (flags & 32) !== 0)
    return Inflated.Corrupt;
  Input.open(start + 2, end);
  out = buffer;
  piece = buffer;
  missing = needed;
  limit = buffer + <usize>min<u64>(<u64>PIECE, needed);
  startSum();
  for (;;) {
    const last = block(sink);
    if (last === BlockEnd.More) continue;
    if (last === BlockEnd.Last) return readTrailer(sink);
    // What is missing behind the last needed byte does not matter.
    if (last === BlockEnd.Surplus || (last === BlockEnd.Truncated && missing === 0)) return Inflated.Ok;
    if (last === BlockEnd.Truncated) return handOn(sink) ? Inflated.Truncated : Inflated.Refused;
    if (last === BlockEnd.Refused) return Inflated.Refused;
    return handOn(sink) ? Inflated.Corrupt : Inflated.Refused;
  }
}

enum BlockEnd {
  More = 0,
  Last = 1,
  /** The stream goes on beyond what is needed. */
  Surplus = 2,
  Truncated = 3,
  Corrupt = 4,
  Refused = 5,
}

/** The last block has ended: hands on the rest, and compares the sum where the stream ends with the needed bytes. */
function readTrailer(sink: (from: usize, bytes: usize) => bool): Inflated {
  if (!handOn(sink)) return Inflated.Refused;
  if (missing > 0) return Inflated.Truncated;
  const at = Input.at - (Input.count >> 3);
  if (at + 4 > Input.end) return Inflated.Ok;
  return bswap(load<u32>(at)) === sumValue() ? Inflated.Ok : Inflated.Corrupt;
}

function block(sink: (from: usize, bytes: usize) => bool): BlockEnd {
  Input.refill();
  const last = Input.take(1) === 1;
  const kind = Input.take(2);
  if (Input.isBeyond()) return BlockEnd.Truncated;
  let end = BlockEnd.Corrupt;
  if (kind === 0) end = storedBlock(sink);
  else if (kind === 1) {
    useFixedCodes();
    end = codedBlock(sink);
  } else if (kind === 2) {
    end = readCodes();
    if (end === BlockEnd.More) end = codedBlock(sink);
  }
  return end === BlockEnd.More && last ? BlockEnd.Last : end;
}

function storedBlock(sink: (from: usize, bytes: usize) => bool): BlockEnd {
  Input.alignToByte();
  if (Input.at + 4 > Input.end) return BlockEnd.Truncated;
  let length = <usize>load<u16>(Input.at);
  if (length !== (<usize>load<u16>(Input.at, 2) ^ 0xffff)) return BlockEnd.Corrupt;
  Input.at += 4;
  while (length > 0) {
    if (missing === 0) return BlockEnd.Surplus;
    const bytes = min(min(length, limit - out), Input.end - Input.at);
    if (bytes === 0) return BlockEnd.Truncated;
    memory.copy(out, Input.at, bytes);
    out += bytes;
    Input.at += bytes;
    length -= bytes;
    if (out >= limit && !handOn(sink)) return BlockEnd.Refused;
  }
  return BlockEnd.More;
}

/** Reads the code lengths of a dynamic block and builds its tables. */
function readCodes(): BlockEnd {
  Input.refill();
  const literals = Input.take(5) + 257;
  const distances = Input.take(5) + 1;
  const lengths = Input.take(4) + 4;
  if (literals > 286 || distances > 30) return BlockEnd.Corrupt;
  memory.fill(CODE_LENGTHS, 0, 320);
  for (let i: u32 = 0; i < lengths; i++) {
    Input.refill();
    store<u8>(CODE_LENGTHS + <usize>load<u8>(LENGTH_ORDER + i), Input.take(3));
  }
  if (Input.isBeyond()) return BlockEnd.Truncated;
  if (!buildCodes(LITERAL_CODES, CODE_LENGTHS, 19, true)) return BlockEnd.Corrupt;
  const total = literals + distances;
  let at: u32 = 0;
  memory.fill(CODE_LENGTHS, 0, 320);
  while (at < total) {
    Input.refill();
    let entry = load<u32>(LITERAL_CODES + ((<usize>(<u32>Input.bits & ((1 << PRIMARY_BITS) - 1))) << 2));
    Input.drop(Entry.bits(entry));
    if (Input.isBeyond()) return BlockEnd.Truncated;
    if (Entry.kind(entry) === Entry.INVALID) return BlockEnd.Corrupt;
    const symbol = Entry.value(entry);
    if (symbol < 16) {
      store<u8>(CODE_LENGTHS + <usize>at, symbol);
      at++;
      continue;
    }
    if (symbol === 16 && at === 0) return BlockEnd.Corrupt;
    const value = symbol === 16 ? load<u8>(CODE_LENGTHS + <usize>at - 1) : 0;
    const times = symbol === 16 ? 3 + Input.take(2) : symbol === 17 ? 3 + Input.take(3) : 11 + Input.take(7);
    if (at + times > total) return BlockEnd.Corrupt;
    memory.fill(CODE_LENGTHS + <usize>at, value, times);
    at += times;
  }
  if (Input.isBeyond()) return BlockEnd.Truncated;
  // Without a code for the end of the block it could not end.
  if (load<u8>(CODE_LENGTHS + 256) === 0) return BlockEnd.Corrupt;
  if (!buildCodes(DISTANCE_CODES, CODE_LENGTHS + <usize>literals, distances, false)) return BlockEnd.Corrupt;
  return buildCodes(LITERAL_CODES, CODE_LENGTHS, literals, false) ? BlockEnd.More : BlockEnd.Corrupt;
}

/** Order in which a dynamic block states the lengths of its length codes. */
const LENGTH_ORDER: usize = memory.data<u8>([
  16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
]);

function codedBlock(sink: (from: usize, bytes: usize) => bool): BlockEnd {
  // Locals: V8 keeps globals of a module in memory.
  let at = Input.at;
  let held = Input.bits;
  let count = Input.count;
  let to = out;
  let stop = limit;
  let result = BlockEnd.More;
  for (;;) {
    held |= load<u64>(at) << count;
    at += (63 - count) >> 3;
    count |= 56;
    let entry = load<u32>(LITERAL_CODES + ((<usize>(<u32>held & ((1 << PRIMARY_BITS) - 1))) << 2));
    if (entry === 0) entry = lookUpLong(LITERAL_CODES, <u32>held);
    held >>= Entry.bits(entry);
    count -= Entry.bits(entry);
    if (at > Input.end && at - (count >> 3) > Input.end) {
      result = BlockEnd.Truncated;
      break;
    }
    const kind = Entry.kind(entry);
    if (kind === Entry.LITERAL) {
      if (missing === 0) {
        result = BlockEnd.Surplus;
        break;
      }
      store<u8>(to++, Entry.value(entry));
    } else if (kind === Entry.MATCH) {
      let extra = Entry.extra(entry);
      const length = Entry.value(entry) + (<u32>held & ((1 << extra) - 1));
      held >>= extra;
      count -= extra;
      entry = load<u32>(DISTANCE_CODES + ((<usize>(<u32>held & ((1 << PRIMARY_BITS) - 1))) << 2));
      if (entry === 0) entry = lookUpLong(DISTANCE_CODES, <u32>held);
      held >>= Entry.bits(entry);
      count -= Entry.bits(entry);
      extra = Entry.extra(entry);
      const distance = <usize>(Entry.value(entry) + (<u32>held & ((1 << extra) - 1)));
      held >>= extra;
      count -= extra;
      if (at > Input.end && at - (count >> 3) > Input.end) {
        result = BlockEnd.Truncated;
        break;
      }
      if (Entry.kind(entry) === Entry.INVALID) {
        result = BlockEnd.Corrupt;
        break;
      }
      if (missing === 0) {
        result = BlockEnd.Surplus;
        break;
      }
      if (distance > to - buffer) {
        result = BlockEnd.Corrupt;
        break;
      }
      Match.copy(to, distance, length);
      to += length;
    } else {
      if (kind === Entry.INVALID) result = BlockEnd.Corrupt;
      break;
    }
    if (to < stop) continue;
    out = to;
    const isSurplus = <u64>(to - piece) > missing;
    if (!handOn(sink)) {
      result = BlockEnd.Refused;
      break;
    }
    to = out;
    stop = limit;
    if (isSurplus) {
      result = BlockEnd.Surplus;
      break;
    }
  }
  Input.at = at;
  Input.bits = held;
  Input.count = count;
  out = to;
  return result;
}

class Match {
  /** Copies `length` bytes from `distance` before; may write up to 15 bytes more. */
  @inline static copy(to: usize, distance: usize, length: u32): void {
    const from = to - distance;
    if (distance >= 16) {
      for (let i: usize = 0; i < <usize>length; i += 16) v128.store(to + i, v128.load(from + i));
    } else if (distance === 1) memory.fill(to, load<u8>(from), length);
    else for (let i: usize = 0; i < <usize>length; i++) store<u8>(to + i, load<u8>(from + i));
  }
}
