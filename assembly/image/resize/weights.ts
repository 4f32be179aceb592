// Weights: for each output pixel along one axis, its first input pixel and the weights of that and the following ones.
//
// They are computed in Pillow's own order of operations (Resample.c), since a different last bit of a double could
// change a fixed-point weight and then a pixel: doubles, normalized to sum 1, then rounded to 22 fractional bits. For
// the dot products of the vector passes each weight is split in two: weight = high · 2¹¹ + low, low in 0 … 2047. Both
// halves fit i16 and all sums are modulo 2³², so the split changes no bit of the result.
//
//   entry   u32 start, u32 pairs            8 bytes
//   pair    i16 high₀, high₁, low₀, low₁    8 bytes, `pairCapacity` of them per entry; the last may be half empty

import { Filter } from "../contract";

export const PRECISION_BITS: i32 = 22;
export const LOW_BITS: i32 = 11;
const ENTRY_BYTES: usize = 8;
const PAIR_BYTES: usize = 8;

/** Radius of the filter, in pixels of the coarser grid; 0 for Nearest, which has no weights. */
function filterSupport(filter: Filter): f64 {
  switch (filter) {
    case Filter.Box:
      return 0.5;
    case Filter.Bilinear:
    case Filter.Hamming:
      return 1.0;
    case Filter.Bicubic:
      return 2.0;
    case Filter.Lanczos:
      return 3.0;
    default:
      return 0.0;
  }
}

/** Weight at signed distance x. */
function filterWeight(filter: Filter, x: f64): f64 {
  switch (filter) {
    case Filter.Box:
      return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
    case Filter.Bilinear:
      return bilinear(Math.abs(x));
    case Filter.Hamming:
      return hamming(Math.abs(x));
    case Filter.Bicubic:
      return bicubic(Math.abs(x));
    default:
      return lanczos(x);
  }
}

function bilinear(x: f64): f64 {
  return x < 1.0 ? 1.0 - x : 0.0;
}

function hamming(x: f64): f64 {
  if (x === 0.0) return 1.0;
  if (x >= 1.0) return 0.0;
  const angle = x * NativeMath.PI;
  // The constants are floats in Pillow, widened to double.
  return (NativeMath.sin(angle) / angle) * (<f64>(<f32>0.54) + <f64>(<f32>0.46) * NativeMath.cos(angle));
}

/** Keys' kernel with a = −0.5. */
function bicubic(x: f64): f64 {
  const a: f64 = -0.5;
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

function sinc(x: f64): f64 {
  if (x === 0.0) return 1.0;
  const angle = x * NativeMath.PI;
  return NativeMath.sin(angle) / angle;
}

function lanczos(x: f64): f64 {
  return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0;
}

/** Input pixels that can have a weight: Pillow's ksize. */
function tapCapacity(span: f64, outputs: i32, filter: Filter): i32 {
  const scale = Math.max(span / <f64>outputs, 1.0);
  return <i32>Math.ceil(filterSupport(filter) * scale) * 2 + 1;
}

/** Pairs of taps in each entry. `span` is the length of the part of the input that becomes `outputs` pixels. */
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
 * of `inputs` become `outputs` pixels. With `reversed` the entries are stored in reverse order, which mirrors the
 * picture at no cost. Pillow: precompute_coeffs and normalize_coeffs_8bpc.
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

/** Weight of a tap, from its two halves. */
export function tapWeight(entry: usize, tap: i32): i32 {
  const at = entryPairs(entry) + <usize>(tap >> 1) * PAIR_BYTES + <usize>(tap & 1) * 2;
  return ((<i32>load<i16>(at)) << LOW_BITS) + <i32>load<i16>(at, 4);
}

/** A weighted sum with PRECISION_BITS fractional bits → byte. */
export function clip8(sum: i32): u8 {
  return <u8>min(max(sum >> PRECISION_BITS, 0), 255);
}
