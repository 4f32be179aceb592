// Progressive block: what one scan of a progressive frame adds to the coefficients of one block. Spectral
// selection says which positions of the zigzag, successive approximation which bit (ITU-T T.81 annex G).

import { Stream } from "./bits";
import { longCode } from "./long-code";
import { SYMBOL_BITS, SYMBOL_LOOKS } from "./looks";
import { Component } from "./picture";
import { NATURAL_ORDER } from "./quantization";

/** First and last zigzag position of the scan, and the bit it brings. */
let first: u32 = 0;
let last: u32 = 0;
let bit: u32 = 0;
/** Blocks, this one included, in which the band is known to hold nothing new. */
let endOfBandRun: u32 = 0;

/** Begins a scan of positions `from`…`to` that brings bit `position`. */
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
  const look = <u32>load<u16>(table + SYMBOL_LOOKS + ((<usize>(bits >> (64 - SYMBOL_BITS))) << 1));
  return look !== 0 ? look : longCode(table, bits);
}

function place(k: u32): usize {
  return (<usize>load<u8>(NATURAL_ORDER + <usize>k)) << 1;
}

/** DC, first scan: the difference, scaled. Position p → the position behind. */
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

/** Bits of an end-of-band run of category r behind its code: 2^r − 1 plus that many bits, this block not counted. */
function readRun(bits: u64, category: u32): u32 {
  return (1 << category) - 1 + <u32>((bits >> 1) >> (63 - <u64>category));
}

/** AC, first scan of a band. */
export function decodeAcFirst(c: Component, block: usize, p: u32): u32 {
  if (endOfBandRun > 0) {
    endOfBandRun--;
    return p;
  }
  for (let k = first; k <= last; k++) {
    const bits = Stream.from(p);
    const code = nextCode(c.acTable, bits);
    const length = code >> 8;
    const run = (code >> 4) & 15;
    const size = code & 15;
    p += length;
    if (size !== 0) {
      k += run;
      store<i16>(block + place(k), <i16>(Stream.extend(bits << (<u64>length), 63 - <u64>size) << bit));
      p += size;
    } else if (run === 15) k += 15;
    else {
      endOfBandRun = readRun(bits << (<u64>length), run);
      p += run;
      break;
    }
  }
  return p;
}

/** One more bit of a coefficient that is not zero. */
function correct(at: usize, p: u32): void {
  if (<i64>Stream.from(p) >= 0) return;
  const value = <i32>load<i16>(at);
  const step = 1 << bit;
  if ((value & step) === 0) store<i16>(at, <i16>(value >= 0 ? value + step : value - step));
}

/** AC, later scans: new coefficients of ±1 at this bit between corrections of those that are there. */
export function refineAc(c: Component, block: usize, p: u32): u32 {
  let k = first;
  if (endOfBandRun === 0) {
    for (; k <= last; k++) {
      const bits = Stream.from(p);
      const code = nextCode(c.acTable, bits);
      let run = (code >> 4) & 15;
      let value: i32 = 0;
      p += code >> 8;
      if ((code & 15) !== 0) {
        value = <i64>Stream.from(p) < 0 ? 1 << bit : -1 << bit;
        p++;
      } else if (run !== 15) {
        endOfBandRun = readRun(Stream.from(p), run) + 1;
        p += run;
        break;
      }
      for (; k <= last; k++) {
        const at = block + place(k);
        if (load<i16>(at) !== 0) correct(at, p++);
        else if (run-- === 0) break;
      }
      if (value !== 0) store<i16>(block + place(k), <i16>value);
    }
  }
  if (endOfBandRun > 0) {
    for (; k <= last; k++) {
      const at = block + place(k);
      if (load<i16>(at) !== 0) correct(at, p++);
    }
    endOfBandRun--;
  }
  return p;
}
