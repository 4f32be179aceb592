// Progressive block: what one scan of a progressive frame adds to the coefficients of one block. Spectral
// selection gives the positions of the zigzag, successive approximation the bit (ITU-T T.81 annex G).
//
// How it is fast: refinement scans work on a mask of the nonzero positions of each block, so that runs of zeros and the
// coefficients between them are found by bit operations, without loading a coefficient.

import { Stream } from "./bits";
import { longCode, SYMBOL_BITS, SYMBOL_TABLE } from "./huffman-lookup";
import { Component } from "./picture";
import { NATURAL_ORDER } from "./quantization";

/** Bits of a load that are always valid. */
const STREAM_BITS: u32 = 57;
const U64_MAX: u64 = ~(<u64>0);

/** First and last zigzag position of the scan, and the bit that it adds. */
let first: u32 = 0;
let last: u32 = 0;
let bit: u32 = 0;
/** Blocks, this one included, in which the band is known to hold nothing new. */
let endOfBandRun: u32 = 0;

/** Begins a scan that adds bit `position` to positions `from`…`to`. */
export function beginBand(from: u32, to: u32, position: u32): void {
  first = from;
  last = to;
  bit = position;
  endOfBandRun = 0;
}

/** A restart ends a run of empty bands. */
export function restartBand(): void {
  endOfBandRun = 0;
}

/** Length << 8 | symbol of the code on top of `bits`. */
function nextCode(table: usize, bits: u64): u32 {
  const entry = <u32>load<u16>(table + SYMBOL_TABLE + ((<usize>(bits >> (64 - SYMBOL_BITS))) << 1));
  return entry !== 0 ? entry : longCode(table, bits);
}

function offsetOfPosition(k: u32): usize {
  return (<usize>load<u8>(NATURAL_ORDER + <usize>k)) << 1;
}

/** DC, first scan: the difference, scaled. Position p → the position after it. */
export function decodeDcFirst(c: Component, block: usize, p: u32): u32 {
  const bits = Stream.from(p);
  const code = nextCode(c.dcTable, bits);
  const length = code >> 8;
  const size = code & 15;
  c.prediction += Stream.extend(bits << (<u64>length), 63 - <u64>size);
  store<i16>(block, <i16>(c.prediction << bit));
  return p + length + size;
}

/** DC, later scans: one bit. */
export function refineDc(block: usize, p: u32): u32 {
  if (<i64>Stream.from(p) < 0) store<i16>(block, <i16>(<i32>load<i16>(block) | (1 << bit)));
  return p + 1;
}

/** Length of an end-of-band run of category r, this block not counted: 2^r − 1 plus the r bits after its code. */
function readRun(bits: u64, category: u32): u32 {
  return (1 << category) - 1 + <u32>((bits >> 1) >> (63 - <u64>category));
}

/** Address of a block's mask: bit k is set if zigzag position k is nonzero. */
function maskOf(c: Component, block: usize): usize {
  return c.masks + ((block - c.coefficients) >> 4);
}

/** AC, first scan of a band. */
export function decodeAcFirst(c: Component, block: usize, p: u32): u32 {
  if (endOfBandRun > 0) {
    endOfBandRun--;
    return p;
  }
  const maskAt = maskOf(c, block);
  let mask = load<u64>(maskAt);
  for (let k = first; k <= last; k++) {
    const bits = Stream.from(p);
    const code = nextCode(c.acTable, bits);
    const length = code >> 8;
    const run = (code >> 4) & 15;
    const size = code & 15;
    p += length;
    if (size !== 0) {
      k += run;
      const value = <i16>(Stream.extend(bits << (<u64>length), 63 - <u64>size) << bit);
      store<i16>(block + offsetOfPosition(k), value);
      mask = setMask(mask, k, value !== 0);
      p += size;
    } else if (run === 15) k += 15;
    else {
      endOfBandRun = readRun(bits << (<u64>length), run);
      p += run;
      break;
    }
  }
  store<u64>(maskAt, mask);
  return p;
}

/** A run that leaves a damaged block counts as position 63, as in NATURAL_ORDER. */
function setMask(mask: u64, k: u32, set: bool): u64 {
  const one = (<u64>1) << (<u64>min(k, 63));
  return set ? mask | one : mask & ~one;
}

/** Adds the scan's bit to a nonzero coefficient, away from zero, unless it is set already. */
function correct(at: usize): void {
  const value = <i32>load<i16>(at);
  const step = 1 << bit;
  if ((value & step) === 0) store<i16>(at, <i16>(value >= 0 ? value + step : value - step));
}

/** Reads one bit for each position in `positions`, from bit p on; where it is 1, the coefficient is corrected. */
function correctAll(block: usize, positions: u64, p: u32): u32 {
  const count = <u32>popcnt(positions);
  let bits = Stream.from(p);
  let valid: u32 = STREAM_BITS;
  for (let n: u32 = 0; n < count; n++) {
    if (valid === 0) {
      bits = Stream.from(p + n);
      valid = STREAM_BITS;
    }
    if (<i64>bits < 0) correct(block + offsetOfPosition(<u32>ctz(positions)));
    positions &= positions - 1;
    bits <<= 1;
    valid--;
  }
  return p + count;
}

/** Bits `from`…`to` of a mask; none if `from` is beyond `to`. */
function range(mask: u64, from: u32, to: u32): u64 {
  if (from > to) return 0;
  return ((mask >> <u64>from) << (<u64>from)) & (U64_MAX >> <u64>(63 - to));
}

/**
 * AC, later scans: new coefficients of ±1 at this bit between corrections of those that are nonzero already.
 */
export function refineAc(c: Component, block: usize, p: u32): u32 {
  const maskAt = maskOf(c, block);
  let mask = load<u64>(maskAt);
  let k = first;
  if (endOfBandRun === 0) {
    for (; k <= last; k++) {
      const bits = Stream.from(p);
      const code = nextCode(c.acTable, bits);
      const length = code >> 8;
      let run = (code >> 4) & 15;
      let value: i32 = 0;
      p += length;
      if ((code & 15) !== 0) {
        value = <i64>(bits << (<u64>length)) < 0 ? 1 << bit : -1 << bit;
        p++;
      } else if (run !== 15) {
        endOfBandRun = readRun(bits << (<u64>length), run) + 1;
        p += run;
        break;
      }
      // The value follows `run` zeros; coefficients that are nonzero already are not counted.
      const zeros = nthZero(mask, k, run);
      p = correctAll(block, range(mask, k, min(zeros, last + 1) - 1), p);
      k = min(zeros, last + 1);
      if (value !== 0) {
        store<i16>(block + offsetOfPosition(k), <i16>value);
        mask = setMask(mask, k, true);
      }
    }
    store<u64>(maskAt, mask);
  }
  if (endOfBandRun > 0) {
    const rest = range(mask, k, last);
    if (rest !== 0) p = correctAll(block, rest, p);
    endOfBandRun--;
  }
  return p;
}

/** Position of the zero with `skipped` zeros before it, counted from k on; 64 if there are fewer. */
function nthZero(mask: u64, k: u32, skipped: u32): u32 {
  let zeros = (~mask >> <u64>k) << (<u64>k);
  for (; skipped > 0 && zeros !== 0; skipped--) zeros &= zeros - 1;
  return zeros === 0 ? 64 : <u32>ctz(zeros);
}
