// Layer normalization over the last axis, forward and backward.
//
//   forward   y = (x − mean)·rstd·weight + bias,  rstd = 1/√(variance + ε), biased variance
//   backward  with x̂ = (x − mean)·rstd and g = dy·weight:  dx = rstd·(g − mean(g) − x̂·mean(g·x̂)) + residual;
//             dWeight += Σ dy·x̂,  dBias += Σ dy
//
// Mean first, then the variance of the centered values: no cancellation. Sums of a row run in 16 lanes, so the error
// grows with D/16; parameter gradients take chunks of 64 rows as in column-sums.ts. dx may be the residual itself.

import { assertFloats } from "./checks";
import { count, cut, first } from "./partition";
import { loadTail, storeTail, sum4 } from "./simd";

const CHUNK: usize = 64;
/** Columns of the parameters' gradients that stay together: a cache line. */
const LINE: usize = 16;

export function layerNorm(
  x: usize,
  weight: usize,
  bias: usize,
  y: usize,
  mean: usize,
  rstd: usize,
  rows: usize,
  width: usize,
  epsilon: f32,
): void {
  const stride = width << 2;
  if (!ASC_NO_ASSERT && rows) {
    assert(width > 0, "layer norm over no values");
    assertFloats(x, rows * stride);
    assertFloats(weight, stride);
    assertFloats(bias, stride);
    assertFloats(y, rows * stride);
    if (mean) assertFloats(mean, rows << 2);
    if (rstd) assertFloats(rstd, rows << 2);
  }
  const whole = (width & ~3) << 2;
  const pairs = (width & ~7) << 2;
  const tail = width & 3;
  for (let r: usize = 0; r < rows; r++) {
    const center = rowSum(x, width) / <f32>width;
    const variance = squaredDeviations(x, width, center) / <f32>width;
    const deviation = <f32>(1.0 / sqrt<f64>(<f64>variance + <f64>epsilon));
    const m = f32x4.splat(center);
    const s = f32x4.splat(deviation);
    for (let i: usize = 0; i < pairs; i += 32) {
      // Adjacent, so that the engine can fuse them into one 256-bit operation.
      const n0 = f32x4.mul(f32x4.sub(v128.load(x + i), m), s);
      const n1 = f32x4.mul(f32x4.sub(v128.load(x + i, 16), m), s);
      const y0 = f32x4.add(f32x4.mul(n0, v128.load(weight + i)), v128.load(bias + i));
      const y1 = f32x4.add(f32x4.mul(n1, v128.load(weight + i, 16)), v128.load(bias + i, 16));
      v128.store(y + i, y0);
      v128.store(y + i, y1, 16);
    }
    if (pairs < whole) {
      const normal = f32x4.mul(f32x4.sub(v128.load(x + pairs), m), s);
      const scaled = f32x4.mul(normal, v128.load(weight + pairs));
      v128.store(y + pairs, f32x4.add(scaled, v128.load(bias + pairs)));
    }
    if (tail) {
      const normal = f32x4.mul(f32x4.sub(loadTail(x + whole, tail, 0), m), s);
      const scaled = f32x4.mul(normal, loadTail(weight + whole, tail, 0));
      storeTail(y + whole, f32x4.add(scaled, loadTail(bias + whole, tail, 0)), tail);
    }
    if (mean) store<f32>(mean + (r << 2), center);
    if (rstd) store<f32>(rstd + (r << 2), deviation);
    x += stride;
    y += stride;
  }
}

/**
 * Phase 0 adds the parameters' gradients, each thread in columns of its own; phase 1 writes dx, each thread in rows of
 * its own. Parameters first: dx may overwrite dy.
 */
export function layerNormBackward(
  dy: usize,
  x: usize,
  weight: usize,
  mean: usize,
  rstd: usize,
  residual: usize,
  dx: usize,
  dWeight: usize,
  dBias: usize,
  rows: usize,
  width: usize,
  phase: u32,
): void {
  const stride = width << 2;
  if (phase === 0) {
    cut(width, LINE);
    const at = first << 2;
    addParameterGradients(dy + at, x + at, mean, rstd, dWeight + at, dBias + at, rows, count, stride);
    return;
  }
  cut(rows, 1);
  const end = first + count;
  for (let r = first; r < end; r++) {
    const offset = r * stride;
    const plus = residual ? residual + offset : 0;
    const center = load<f32>(mean + (r << 2));
    const deviation = load<f32>(rstd + (r << 2));
    rowInputGradient(dy + offset, x + offset, weight, center, deviation, plus, dx + offset, width);
  }
}

function rowInputGradient(
  dy: usize,
  x: usize,
  weight: usize,
  mean: f32,
  rstd: f32,
  residual: usize,
  dx: usize,
  width: usize,
): void {
  const m = f32x4.splat(mean);
  const s = f32x4.splat(rstd);
  const whole = (width & ~3) << 2;
  const tail = width & 3;
  let g0 = f32x4.splat(0);
  let g1 = f32x4.splat(0);
  let h0 = f32x4.splat(0);
  let h1 = f32x4.splat(0);
  let i: usize = 0;
  for (; i + 32 <= whole; i += 32) {
    const a = f32x4.mul(v128.load(dy + i), v128.load(weight + i));
    const b = f32x4.mul(v128.load(dy + i, 16), v128.load(weight + i, 16));
    g0 = f32x4.add(g0, a);
    g1 = f32x4.add(g1, b);
    h0 = f32x4.add(h0, f32x4.mul(a, f32x4.mul(f32x4.sub(v128.load(x + i), m), s)));
    h1 = f32x4.add(h1, f32x4.mul(b, f32x4.mul(f32x4.sub(v128.load(x + i, 16), m), s)));
  }
  if (i < whole) {
    const a = f32x4.mul(v128.load(dy + i), v128.load(weight + i));
    g0 = f32x4.add(g0, a);
    h0 = f32x4.add(h0, f32x4.mul(a, f32x4.mul(f32x4.sub(v128.load(x + i), m), s)));
  }
  if (tail) {
    const a = f32x4.mul(loadTail(dy + whole, tail, 0), loadTail(weight + whole, tail, 0));
    g1 = f32x4.add(g1, a);
    h1 = f32x4.add(h1, f32x4.mul(a, f32x4.mul(f32x4.sub(loadTail(x + whole, tail, mean), m), s)));
  }
  const meanG = f32x4.splat(sum4(f32x4.add(g0, g1)) / <f32>width);
  const meanH = f32x4.splat(sum4(f32x4.add(h0, h1)) / <f32>width);
  for (let j: usize = 0; j < whole; j += 16) {
    const g = f32x4.mul(v128.load(dy + j), v128.load(weight + j));
    let d = inputGradient4(g, v128.load(x + j), m, s, meanG, meanH);
    if (residual) d = f32x4.add(d, v128.load(residual + j));
    v128.store(dx + j, d);
  }
  if (tail) {
    const g = f32x4.mul(loadTail(dy + whole, tail, 0), loadTail(weight + whole, tail, 0));
    let d = inputGradient4(g, loadTail(x + whole, tail, mean), m, s, meanG, meanH);
    if (residual) d = f32x4.add(d, loadTail(residual + whole, tail, 0));
    storeTail(dx + whole, d, tail);
  }
}

function inputGradient4(g: v128, x: v128, mean: v128, rstd: v128, meanG: v128, meanH: v128): v128 {
  const normal = f32x4.mul(f32x4.sub(x, mean), rstd);
  return f32x4.mul(rstd, f32x4.sub(f32x4.sub(g, meanG), f32x4.mul(normal, meanH)));
}

function addParameterGradients(
  dy: usize,
  x: usize,
  means: usize,
  rstds: usize,
  dWeight: usize,
  dBias: usize,
  rows: usize,
  width: usize,
  stride: usize,
): void {
  for (let start: usize = 0; start < rows; start += CHUNK) {
    const end = min(start + CHUNK, rows);
    let column: usize = 0;
    for (; column + 8 <= width; column += 8) {
      const offset = column << 2;
      addColumns8(
        dy + offset,
        x + offset,
        means,
        rstds,
        dWeight + offset,
        dBias + offset,
        start,
        end,
        stride,
      );
    }
    for (; column < width; column++) {
      let sumWeight: f32 = 0;
      let sumBias: f32 = 0;
      for (let r = start; r < end; r++) {
        const at = r * stride + (column << 2);
        const d = load<f32>(dy + at);
        const normal = (load<f32>(x + at) - load<f32>(means + (r << 2))) * load<f32>(rstds + (r << 2));
        sumWeight += d * normal;
        sumBias += d;
      }
      const at = column << 2;
      store<f32>(dWeight + at, load<f32>(dWeight + at) + sumWeight);
      store<f32>(dBias + at, load<f32>(dBias + at) + sumBias);
    }
  }
}

/** Eight columns of rows start … end. */
function addColumns8(
  dy: usize,
  x: usize,
  means: usize,
  rstds: usize,
  dWeight: usize,
  dBias: usize,
  start: usize,
  end: usize,
  stride: usize,
): void {
  let w0 = f32x4.splat(0);
  let w1 = f32x4.splat(0);
  let b0 = f32x4.splat(0);
  let b1 = f32x4.splat(0);
  let from = dy + start * stride;
  let at = x + start * stride;
  for (let r = start; r < end; r++) {
    const m = v128.load32_splat(means + (r << 2));
    const s = v128.load32_splat(rstds + (r << 2));
    const d0 = v128.load(from);
    const d1 = v128.load(from, 16);
    w0 = f32x4.add(w0, f32x4.mul(d0, f32x4.mul(f32x4.sub(v128.load(at), m), s)));
    w1 = f32x4.add(w1, f32x4.mul(d1, f32x4.mul(f32x4.sub(v128.load(at, 16), m), s)));
    b0 = f32x4.add(b0, d0);
    b1 = f32x4.add(b1, d1);
    from += stride;
    at += stride;
  }
  v128.store(dWeight, f32x4.add(v128.load(dWeight), w0));
  v128.store(dWeight, f32x4.add(v128.load(dWeight, 16), w1), 16);
  v128.store(dBias, f32x4.add(v128.load(dBias), b0));
  v128.store(dBias, f32x4.add(v128.load(dBias, 16), b1), 16);
}

// Sums of a row run in sixteen lanes that are combined in a fixed order.

/** Σ x over one row. */
function rowSum(x: usize, width: usize): f32 {
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let s2 = f32x4.splat(0);
  let s3 = f32x4.splat(0);
  let i: usize = 0;
  for (; i + 16 <= width; i += 16, x += 64) {
    s0 = f32x4.add(s0, v128.load(x));
    s1 = f32x4.add(s1, v128.load(x, 16));
    s2 = f32x4.add(s2, v128.load(x, 32));
    s3 = f32x4.add(s3, v128.load(x, 48));
  }
  for (; i + 4 <= width; i += 4, x += 16) s0 = f32x4.add(s0, v128.load(x));
  if (i < width) s1 = f32x4.add(s1, loadTail(x, width - i, 0));
  return sum4(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

/** Σ (x − mean)² over one row. */
function squaredDeviations(x: usize, width: usize, mean: f32): f32 {
  const m = f32x4.splat(mean);
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let s2 = f32x4.splat(0);
  let s3 = f32x4.splat(0);
  let i: usize = 0;
  for (; i + 16 <= width; i += 16, x += 64) {
    const d0 = f32x4.sub(v128.load(x), m);
    const d1 = f32x4.sub(v128.load(x, 16), m);
    const d2 = f32x4.sub(v128.load(x, 32), m);
    const d3 = f32x4.sub(v128.load(x, 48), m);
    s0 = f32x4.add(s0, f32x4.mul(d0, d0));
    s1 = f32x4.add(s1, f32x4.mul(d1, d1));
    s2 = f32x4.add(s2, f32x4.mul(d2, d2));
    s3 = f32x4.add(s3, f32x4.mul(d3, d3));
  }
  for (; i + 4 <= width; i += 4, x += 16) {
    const d = f32x4.sub(v128.load(x), m);
    s0 = f32x4.add(s0, f32x4.mul(d, d));
  }
  if (i < width) {
    const d = f32x4.sub(loadTail(x, width - i, mean), m);
    s1 = f32x4.add(s1, f32x4.mul(d, d));
  }
  return sum4(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}
