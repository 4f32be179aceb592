// Softmax over rows: y [R,C] = exp(scale·x − max) / Σ exp(scale·x − max).
//
// Three passes over a row that is in the first-level cache: maximum, exponentials with their sum (four lanes, two
// sums each, combined in a fixed order), division. Relative error ≤ 4e-7 + 6e-8·|log p|. x and y may be one array.

import { Float4, loadTail, max4, storeTail, sum4 } from "./simd";

export function softmax(x: usize, y: usize, rows: usize, columns: usize): void {
  softmaxRows(x, y, rows, columns, 1);
}

/** The same for scale·x; attention scales its scores here, as timm does before its softmax. */
export function softmaxRows(x: usize, y: usize, rows: usize, columns: usize, scale: f32): void {
  const stride = columns << 2;
  for (let r: usize = 0; r < rows; r++) softmaxRow(x + r * stride, y + r * stride, columns, scale);
}

function softmaxRow(x: usize, y: usize, columns: usize, scale: f32): void {
  const whole = (columns & ~3) << 2;
  const tail = columns & 3;
  const factor = f32x4.splat(scale);
  let most = f32x4.splat(-Infinity);
  for (let i: usize = 0; i < whole; i += 16) most = f32x4.pmax(most, f32x4.mul(v128.load(x + i), factor));
  if (tail) most = f32x4.pmax(most, f32x4.mul(loadTail(x + whole, tail, load<f32>(x + whole)), factor));
  const top = f32x4.splat(max4(most));

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
  const total = f32x4.splat(sum4(f32x4.add(even, odd)));
  for (let j: usize = 0; j < whole; j += 16) v128.store(y + j, f32x4.div(v128.load(y + j), total));
  if (tail) storeTail(y + whole, f32x4.div(loadTail(y + whole, tail, 0), total), tail);
}

/** All bits set in the first `count` lanes. */
function tailMask(count: usize): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(<i32>count));
}

/**
 * Gradient before the softmax, in place: d [R,C] holds dL/dp and becomes scale·p·(d − Σ p·d).
 */
export function softmaxRowsBackward(p: usize, d: usize, rows: usize, columns: usize, scale: f32): void {
  const stride = columns << 2;
  for (let r: usize = 0; r < rows; r++) softmaxRowBackward(p + r * stride, d + r * stride, columns, scale);
}

function softmaxRowBackward(p: usize, d: usize, columns: usize, scale: f32): void {
  const whole = (columns & ~3) << 2;
  const tail = columns & 3;
  let even = f32x4.splat(0);
  let odd = f32x4.splat(0);
  let i: usize = 0;
  for (; i + 32 <= whole; i += 32) {
    even = f32x4.add(even, f32x4.mul(v128.load(p + i), v128.load(d + i)));
    odd = f32x4.add(odd, f32x4.mul(v128.load(p + i, 16), v128.load(d + i, 16)));
  }
  if (i < whole) even = f32x4.add(even, f32x4.mul(v128.load(p + i), v128.load(d + i)));
  if (tail) odd = f32x4.add(odd, f32x4.mul(loadTail(p + whole, tail, 0), loadTail(d + whole, tail, 0)));
  const mean = f32x4.splat(sum4(f32x4.add(even, odd)));
  const factor = f32x4.splat(scale);
  for (let j: usize = 0; j < whole; j += 16) {
    const centred = f32x4.sub(v128.load(d + j), mean);
    v128.store(d + j, f32x4.mul(f32x4.mul(v128.load(p + j), centred), factor));
  }
  if (tail) {
    const centred = f32x4.sub(loadTail(d + whole, tail, 0), mean);
    storeTail(d + whole, f32x4.mul(f32x4.mul(loadTail(p + whole, tail, 0), centred), factor), tail);
  }
}
