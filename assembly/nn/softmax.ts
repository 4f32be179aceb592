// Softmax over rows: y [R,C] = exp(scale·x − max) / Σ exp(scale·x − max).
//
// Three passes over a row that is in the first-level cache: maximum, exponentials with their sum (four lanes, two sums
// each, combined in a fixed order), product with 1/Σ. Relative error ≤ 4e-7 + 6e-8·|log p|. x and y may be one array.

import { Float4, loadTail, max4, storeTail, sum4 } from "./simd";

/**
 * Attention scales its scores here, as timm does before its softmax. logSumExp [R], unless absent (0), becomes
 * log Σ exp(scale·x) of each row: exp(scale·x − logSumExp) is y again.
 */
export function softmaxRows(
  x: usize,
  y: usize,
  logSumExp: usize,
  rows: usize,
  columns: usize,
  scale: f32,
): void {
  const stride = columns << 2;
  for (let r: usize = 0; r < rows; r++) {
    const sum = softmaxRow(x + r * stride, y + r * stride, columns, scale);
    if (logSumExp) store<f32>(logSumExp + (r << 2), <f32>(<f64>largest + NativeMath.log(<f64>sum)));
  }
}

/** The largest scaled value of the last row of softmaxRow. */
let largest: f32 = 0;

/** Returns the sum of the exponentials, which it divided by. */
function softmaxRow(x: usize, y: usize, columns: usize, scale: f32): f32 {
  const whole = (columns & ~3) << 2;
  const tail = columns & 3;
  const factor = f32x4.splat(scale);
  const pairs = (columns & ~7) << 2;
  let most = f32x4.splat(-Infinity);
  let most1 = most;
  for (let i: usize = 0; i < pairs; i += 32) {
    most = f32x4.pmax(most, f32x4.mul(v128.load(x + i), factor));
    most1 = f32x4.pmax(most1, f32x4.mul(v128.load(x + i, 16), factor));
  }
  if (pairs < whole) most = f32x4.pmax(most, f32x4.mul(v128.load(x + pairs), factor));
  if (tail) most1 = f32x4.pmax(most1, f32x4.mul(loadTail(x + whole, tail, load<f32>(x + whole)), factor));
  largest = max4(f32x4.pmax(most, most1));
  const top = f32x4.splat(largest);

  let even = f32x4.splat(0);
  let odd = f32x4.splat(0);
  let i: usize = 0;
  for (; i + 32 <= whole; i += 32) {
    const e0 = Float4.exp(f32x4.sub(f32x4.mul(v128.load(x + i), factor), top));
    const e1 = Float4.exp(f32x4.sub(f32x4.mul(v128.load(x + i, 16), factor), top));
    v128.store(y + i, e0);
    v128.store(y + i, e1, 16);
    even = f32x4.add(even, e0);
    odd = f32x4.add(odd, e1);
  }
  if (i < whole) {
    const e = Float4.exp(f32x4.sub(f32x4.mul(v128.load(x + i), factor), top));
    v128.store(y + i, e);
    even = f32x4.add(even, e);
  }
  if (tail) {
    // Lanes beyond the row must add nothing to the sum.
    const scaled = f32x4.mul(loadTail(x + whole, tail, 0), factor);
    const e = v128.and(Float4.exp(f32x4.sub(scaled, top)), tailMask(tail));
    storeTail(y + whole, e, tail);
    odd = f32x4.add(odd, e);
  }
  const sum = sum4(f32x4.add(even, odd));
  // A division takes four times as long, and rounds once instead of twice.
  const inverse = f32x4.splat(1 / sum);
  for (let j: usize = 0; j < pairs; j += 32) {
    const p0 = f32x4.mul(v128.load(y + j), inverse);
    const p1 = f32x4.mul(v128.load(y + j, 16), inverse);
    v128.store(y + j, p0);
    v128.store(y + j, p1, 16);
  }
  if (pairs < whole) v128.store(y + pairs, f32x4.mul(v128.load(y + pairs), inverse));
  if (tail) storeTail(y + whole, f32x4.mul(loadTail(y + whole, tail, 0), inverse), tail);
  return sum;
}

/** All bits set in the first `count` lanes. */
function tailMask(count: usize): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(<i32>count));
}

/**
 * Recomputes a key's weights, and computes their gradients before the softmax, both in place. Column c is query c: s
 * [C] holds scores and becomes p = exp(scale·s + below[c]), d [C] holds dL/dp and becomes scale·p·(d − means[c]), where
 * below is −log Σ exp of the query's scores and means its Σ p·d.
 */
export function weightsAndGradient(
  s: usize,
  d: usize,
  below: usize,
  means: usize,
  columns: usize,
  scale: f32,
): void {
  const whole = (columns & ~3) << 2;
  const tail = columns & 3;
  const factor = f32x4.splat(scale);
  let i: usize = 0;
  // Two at a time, which V8 can fuse into 256-bit operations.
  for (; i + 32 <= whole; i += 32) {
    const p0 = Float4.exp(Float4.madd(v128.load(s + i), factor, v128.load(below + i)));
    const p1 = Float4.exp(Float4.madd(v128.load(s + i, 16), factor, v128.load(below + i, 16)));
    v128.store(s + i, p0);
    v128.store(s + i, p1, 16);
    const d0 = f32x4.mul(f32x4.sub(v128.load(d + i), v128.load(means + i)), factor);
    const d1 = f32x4.mul(f32x4.sub(v128.load(d + i, 16), v128.load(means + i, 16)), factor);
    v128.store(d + i, f32x4.mul(p0, d0));
    v128.store(d + i, f32x4.mul(p1, d1), 16);
  }
  if (i < whole) {
    const p = Float4.exp(Float4.madd(v128.load(s + i), factor, v128.load(below + i)));
    v128.store(s + i, p);
    v128.store(d + i, f32x4.mul(p, f32x4.mul(f32x4.sub(v128.load(d + i), v128.load(means + i)), factor)));
  }
  if (tail) {
    const p = Float4.exp(Float4.madd(loadTail(s + whole, tail, 0), factor, loadTail(below + whole, tail, 0)));
    storeTail(s + whole, p, tail);
    const centered = f32x4.sub(loadTail(d + whole, tail, 0), loadTail(means + whole, tail, 0));
    storeTail(d + whole, f32x4.mul(p, f32x4.mul(centered, factor)), tail);
  }
}
