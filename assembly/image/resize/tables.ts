// Tables: for each output pixel of one axis, where its input pixels begin and with what weights they count.
//
// Pillow's weights are doubles, normalized to sum 1, then rounded to 22 bits after the point. For the dot products of
// the vector passes each weight is split in two: weight = high · 2¹¹ + low, low in 0 … 2047. Both halves fit i16, all
// sums are modulo 2³², so the split changes no bit of the result.
//
//   entry   u32 start, u32 pairs            8 bytes
//   pair    i16 high₀, high₁, low₀, low₁    8 bytes, `pairCapacity` of them an entry; the last may be half empty

import { Filter } from "./filter";
import { filterSupport, filterWeight } from "./kernels";

export const PRECISION_BITS: i32 = 22;
export const LOW_BITS: i32 = 11;
const ENTRY_BYTES: usize = 8;
const PAIR_BYTES: usize = 8;

/** Pixels that can have a weight: Pillow's ksize. */
function tapCapacity(span: f64, outputs: i32, filter: Filter): i32 {
  const scale = Math.max(span / <f64>outputs, 1.0);
  return <i32>Math.ceil(filterSupport(filter) * scale) * 2 + 1;
}

/** Pairs of taps in each entry. span = length of the input's part that becomes `outputs` pixels. */
export function pairCapacity(span: f64, outputs: i32, filter: Filter): i32 {
  return (tapCapacity(span, outputs, filter) + 1) >> 1;
}

/** Bytes of a table for `window` of the outputs, the doubles of one entry included. */
export function tableBytes(span: f64, outputs: i32, window: i32, filter: Filter): usize {
  const pairs = <usize>pairCapacity(span, outputs, filter);
  return <usize>window * (ENTRY_BYTES + pairs * PAIR_BYTES) + pairs * 16;
}

export function entryBytes(pairs: i32): usize {
  return ENTRY_BYTES + <usize>pairs * PAIR_BYTES;
}

/** Address of the first pair of an entry. */
export function entryPairs(entry: usize): usize {
  return entry + ENTRY_BYTES;
}

/**
 * Fills `table` for outputs first … first + window − 1 of an axis on which input pixels from … to (fractions allowed)
 * become `outputs` pixels; `inputs` are there in all. With `reversed` the entries stand back to front, which mirrors
 * the picture at no cost. Pillow: precompute_coeffs and normalize_coeffs_8bpc.
 */
export function fillTable(
  table: usize,
  inputs: i32,
  from: f32,
  to: f32,
  outputs: i32,
  first: i32,
  window: i32,
  filter: Filter,
  reversed: bool,
): void {
  const span = <f64>(to - from);
  const scale = span / <f64>outputs;
  const filterScale = Math.max(scale, 1.0);
  const support = filterSupport(filter) * filterScale;
  const inverse = 1.0 / filterScale;
  const pairs = pairCapacity(span, outputs, filter);
  const stride = entryBytes(pairs);
  const weights = table + <usize>window * stride;
  for (let i = 0; i < window; i++) {
    const center = <f64>from + (<f64>(first + i) + 0.5) * scale;
    const start = max(<i32>(center - support + 0.5), 0);
    const count = min(<i32>(center + support + 0.5), inputs) - start;
    let sum: f64 = 0.0;
    for (let tap = 0; tap < count; tap++) {
      const weight = filterWeight(filter, (<f64>(tap + start) - center + 0.5) * inverse);
      store<f64>(weights + ((<usize>tap) << 3), weight);
      sum += weight;
    }
    const entry = table + <usize>(reversed ? window - 1 - i : i) * stride;
    writeEntry(entry, start, count, weights, sum);
  }
}

function writeEntry(entry: usize, start: i32, count: i32, weights: usize, sum: f64): void {
  const pairs = (count + 1) >> 1;
  store<u32>(entry, start);
  store<u32>(entry, pairs, 4);
  for (let tap = 0; tap < pairs << 1; tap++) {
    let fixed = 0;
    if (tap < count) {
      let weight = load<f64>(weights + ((<usize>tap) << 3));
      if (sum !== 0.0) weight /= sum;
      const scaled = weight * <f64>(1 << PRECISION_BITS);
      fixed = <i32>(weight < 0.0 ? -0.5 + scaled : 0.5 + scaled);
    }
    const at = entryPairs(entry) + <usize>(tap >> 1) * PAIR_BYTES + <usize>(tap & 1) * 2;
    store<i16>(at, <i16>(fixed >> LOW_BITS));
    store<i16>(at, <i16>(fixed & ((1 << LOW_BITS) - 1)), 4);
  }
}

/** Weight of a tap, put together again. */
export function tapWeight(entry: usize, tap: i32): i32 {
  const at = entryPairs(entry) + <usize>(tap >> 1) * PAIR_BYTES + <usize>(tap & 1) * 2;
  return ((<i32>load<i16>(at)) << LOW_BITS) + <i32>load<i16>(at, 4);
}
