// Whole arrays to one number, in double: inner product, and the sum of squares that clipping needs.
//
// Chunks of 4,096 values, each summed in four lanes, are added in index order to groups of 64 chunks, and the groups in
// index order to the whole, so that threads, which divide the groups, change no bit. A product of two float32 is exact
// in double: the error stays below 1e-12.

import { count, cut, first, isFirstPart } from "./partition";

const CHUNK: usize = 4096;

function low(pointer: usize): v128 {
  return f64x2.promote_low_f32x4(v128.load64_zero(pointer));
}

function chunkDot(a: usize, b: usize, n: usize): f64 {
  let even = f64x2.splat(0);
  let odd = f64x2.splat(0);
  const whole = (n & ~3) << 2;
  for (let i: usize = 0; i < whole; i += 16) {
    even = f64x2.add(even, f64x2.mul(low(a + i), low(b + i)));
    odd = f64x2.add(odd, f64x2.mul(low(a + i + 8), low(b + i + 8)));
  }
  const lanes = f64x2.add(even, odd);
  let sum = f64x2.extract_lane(lanes, 0) + f64x2.extract_lane(lanes, 1);
  for (let i = whole; i < n << 2; i += 4) sum += <f64>load<f32>(a + i) * <f64>load<f32>(b + i);
  return sum;
}

/** Values of a group of chunks: a MiB of float32. */
const GROUP: usize = 64 * CHUNK;
/** Groups that 4 GiB of float32 can have. */
const GROUPS: usize = 4096;
/** Sums of the groups; each thread writes its own, and one thread reads them when all are written. */
const SUMS: usize = memory.data(8 * 4096, 16);

/** Writes the sums of this thread's groups. */
function groupSums(a: usize, b: usize, n: usize): void {
  cut((n + GROUP - 1) / GROUP, 1);
  const end = first + count;
  for (let group = first; group < end; group++) {
    const stop = min((group + 1) * GROUP, n);
    let sum: f64 = 0;
    for (let start = group * GROUP; start < stop; start += CHUNK) {
      sum += chunkDot(a + (start << 2), b + (start << 2), min(CHUNK, stop - start));
    }
    store<f64>(SUMS + ((group % GROUPS) << 3), sum);
  }
}

function totalOfGroups(n: usize): f64 {
  let sum: f64 = 0;
  for (let group: usize = 0; group < (n + GROUP - 1) / GROUP; group++) {
    sum += load<f64>(SUMS + (group << 3));
  }
  return sum;
}

/** y f32 [1] = Σ a·b; phase 0 sums the groups, phase 1 adds them up. */
export function dot(a: usize, b: usize, y: usize, n: usize, phase: u32): void {
  if (phase === 0) groupSums(a, b, n);
  else if (isFirstPart()) store<f32>(y, <f32>totalOfGroups(n));
}

/**
 * y f64 [1] = Σ x²; not finite where any x is not, since float32 squares cannot overflow a double. Phases as in dot.
 */
export function sumOfSquares(x: usize, y: usize, n: usize, phase: u32): void {
  if (phase === 0) groupSums(x, x, n);
  else if (isFirstPart()) store<f64>(y, totalOfGroups(n));
}
