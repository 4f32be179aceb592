// LayerScale: a learned factor for each column of a residual branch, forward and backward.
//
//   forward   y = x·factors, and the same of dy for dx; each thread in rows of its own
//   backward  dFactors += Σ over rows of dy·x; each thread in columns of its own
//
// x, dy, y [rows,width]. Memory-bound. Sums take chunks of 64 rows from zero, which are added in index order, as
// column-sums.ts. y may be x.

import { count, cut, first } from "./partition";

const CHUNK: usize = 64;
/** Columns that stay together: a cache line. */
const LINE: usize = 16;

export function layerScale(x: usize, factors: usize, y: usize, rows: usize, width: usize): void {
  const stride = width << 2;
  const whole = (width & ~3) << 2;
  for (let r: usize = 0; r < rows; r++) {
    let i: usize = 0;
    for (; i < whole; i += 16) v128.store(y + i, f32x4.mul(v128.load(x + i), v128.load(factors + i)));
    for (; i < stride; i += 4) store<f32>(y + i, load<f32>(x + i) * load<f32>(factors + i));
    x += stride;
    y += stride;
  }
}

export function layerScaleGradient(dy: usize, x: usize, dFactors: usize, rows: usize, width: usize): void {
  cut(width, LINE);
  const stride = width << 2;
  const from = first << 2;
  const end = (first + count) << 2;
  for (let start: usize = 0; start < rows; start += CHUNK) {
    const offset = start * stride;
    const length = min(CHUNK, rows - start) * stride;
    addProducts(dy + offset, x + offset, dFactors, from, end, length, stride);
  }
}

/** Columns `from` … `end`, in bytes, of a chunk of rows that is `length` bytes long. */
function addProducts(
  dy: usize,
  x: usize,
  sums: usize,
  from: usize,
  end: usize,
  length: usize,
  stride: usize,
): void {
  let i = from;
  for (; i + 32 <= end; i += 32) {
    let s0 = f32x4.splat(0);
    let s1 = f32x4.splat(0);
    for (let at = i; at < length; at += stride) {
      s0 = f32x4.add(s0, f32x4.mul(v128.load(dy + at), v128.load(x + at)));
      s1 = f32x4.add(s1, f32x4.mul(v128.load(dy + at, 16), v128.load(x + at, 16)));
    }
    v128.store(sums + i, f32x4.add(v128.load(sums + i), s0));
    v128.store(sums + i, f32x4.add(v128.load(sums + i, 16), s1), 16);
  }
  for (; i < end; i += 4) {
    let sum: f32 = 0;
    for (let at = i; at < length; at += stride) sum += load<f32>(dy + at) * load<f32>(x + at);
    store<f32>(sums + i, load<f32>(sums + i) + sum);
  }
}
