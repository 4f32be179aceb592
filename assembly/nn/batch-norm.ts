// Batch normalization in training, forward and backward: each channel over all samples and pixels. x [R,C], rows of
// channels.
//
//   forward   y = (x − mean)·rstd·weight + bias,  rstd = 1/√(variance + ε), biased variance (divided by R);
//             running ← (1 − momentum)·running + momentum·(mean, R/(R − 1)·variance): the unbiased variance is kept
//   backward  with x̂ = (x − mean)·rstd:  dBias += Σ dy,  dWeight += Σ dy·x̂,
//             dx = rstd·weight·(dy − Σ dy/R − x̂·Σ dy·x̂/R)
//
// In inference the layer is a factor and a shift per channel, which models/regnety/folding.ts multiplies into the
// convolution before it. A channel's sums are in double, in ascending order of the rows, one chain each: threads divide
// the channels without changing a bit. Memory-bound: three passes over x forward, two over x and dy backward. Rows go
// through all channels a few at a time: summing four channels over all rows at once reads every cache line four times.

import { count, cut, first } from "./partition";
import { panels } from "./scratch";

/** Four float32 as two pairs of doubles. */
class Halves {
  @inline
  static low(v: v128): v128 {
    return f64x2.promote_low_f32x4(v);
  }

  @inline
  static high(v: v128): v128 {
    return f64x2.promote_low_f32x4(v128.shuffle<f32>(v, v, 2, 3, 2, 3));
  }

  @inline
  static store(to: usize, low: v128, high: v128): void {
    v128.store64_lane(to, f32x4.demote_f64x2_zero(low), 0);
    v128.store64_lane(to + 8, f32x4.demote_f64x2_zero(high), 0);
  }
}

/** Channels in a part: a cache line of each row. */
const LINE: usize = 16;
/** Channels whose sums are in the thread's scratch at a time. */
const BLOCK: usize = 4096;
/** Bytes of rows that all channels read before the next rows, from a first-level cache. */
const ROWS_BYTES: usize = 16 * 1024;

function rowsAtATime(stride: usize): usize {
  return max<usize>(8, ROWS_BYTES / stride);
}

export function batchNorm(
  x: usize,
  weight: usize,
  bias: usize,
  y: usize,
  mean: usize,
  rstd: usize,
  runningMean: usize,
  runningVariance: usize,
  rows: usize,
  channels: usize,
  epsilon: f32,
  momentum: f32,
): void {
  cut(channels, LINE);
  const end = first + count;
  for (let from = first; from < end; from += BLOCK) {
    const n = min(BLOCK, end - from);
    const at = from << 2;
    const movingMean = runningMean ? runningMean + at : 0;
    const movingVariance = runningVariance ? runningVariance + at : 0;
    moments(x + at, channels << 2, rows, n, mean + at, rstd + at);
    finishStatistics(mean + at, rstd + at, movingMean, movingVariance, rows, n, epsilon, momentum);
    normalize(x + at, weight + at, bias + at, y + at, mean + at, rstd + at, channels << 2, rows, n);
  }
}

/** y = (x − mean)·rstd·weight + bias of n channels. */
function normalize(
  x: usize,
  weight: usize,
  bias: usize,
  y: usize,
  mean: usize,
  rstd: usize,
  stride: usize,
  rows: usize,
  n: usize,
): void {
  const bytes = n << 2;
  const whole = bytes & ~15;
  for (let r: usize = 0; r < rows; r++) {
    let i: usize = 0;
    for (; i < whole; i += 16) {
      const normal = f32x4.mul(f32x4.sub(v128.load(x + i), v128.load(mean + i)), v128.load(rstd + i));
      v128.store(y + i, f32x4.add(f32x4.mul(normal, v128.load(weight + i)), v128.load(bias + i)));
    }
    for (; i < bytes; i += 4) {
      const normal: f32 = (load<f32>(x + i) - load<f32>(mean + i)) * load<f32>(rstd + i);
      store<f32>(y + i, normal * load<f32>(weight + i) + load<f32>(bias + i));
    }
    x += stride;
    y += stride;
  }
}

/** Mean, and in place of rstd the biased variance, of n channels. */
function moments(x: usize, stride: usize, rows: usize, n: usize, mean: usize, variance: usize): void {
  const sums = panels();
  const centers = sums + (BLOCK << 3);
  memory.fill(sums, 0, n << 3);
  const step = rowsAtATime(stride);
  for (let r: usize = 0; r < rows; r += step) {
    addRows(x + r * stride, stride, min(step, rows - r), n, sums);
  }
  for (let i: usize = 0; i < n; i++) {
    const center = load<f64>(sums + (i << 3)) / <f64>rows;
    store<f64>(centers + (i << 3), center);
    store<f32>(mean + (i << 2), <f32>center);
  }
  memory.fill(sums, 0, n << 3);
  for (let r: usize = 0; r < rows; r += step) {
    addSquares(x + r * stride, stride, min(step, rows - r), n, centers, sums);
  }
  for (let i: usize = 0; i < n; i++) {
    store<f32>(variance + (i << 2), <f32>(load<f64>(sums + (i << 3)) / <f64>rows));
  }
}

/** sums [n] += Σ x of these rows, in double. */
function addRows(x: usize, stride: usize, rows: usize, n: usize, sums: usize): void {
  const end = x + rows * stride;
  const whole = n & ~3;
  for (let i: usize = 0; i < whole; i += 4) {
    const to = sums + (i << 3);
    let s0 = v128.load(to);
    let s1 = v128.load(to, 16);
    for (let row = x + (i << 2), last = end + (i << 2); row !== last; row += stride) {
      const v = v128.load(row);
      s0 = f64x2.add(s0, Halves.low(v));
      s1 = f64x2.add(s1, Halves.high(v));
    }
    v128.store(to, s0);
    v128.store(to, s1, 16);
  }
  for (let i = whole; i < n; i++) {
    let sum = load<f64>(sums + (i << 3));
    for (let row = x + (i << 2), last = end + (i << 2); row !== last; row += stride)
      sum += <f64>load<f32>(row);
    store<f64>(sums + (i << 3), sum);
  }
}

/** sums [n] += Σ (x − center)² of these rows, in double. */
function addSquares(x: usize, stride: usize, rows: usize, n: usize, centers: usize, sums: usize): void {
  const end = x + rows * stride;
  const whole = n & ~3;
  for (let i: usize = 0; i < whole; i += 4) {
    const to = sums + (i << 3);
    const c0 = v128.load(centers + (i << 3));
    const c1 = v128.load(centers + (i << 3), 16);
    let s0 = v128.load(to);
    let s1 = v128.load(to, 16);
    for (let row = x + (i << 2), last = end + (i << 2); row !== last; row += stride) {
      const v = v128.load(row);
      const d0 = f64x2.sub(Halves.low(v), c0);
      const d1 = f64x2.sub(Halves.high(v), c1);
      s0 = f64x2.add(s0, f64x2.mul(d0, d0));
      s1 = f64x2.add(s1, f64x2.mul(d1, d1));
    }
    v128.store(to, s0);
    v128.store(to, s1, 16);
  }
  for (let i = whole; i < n; i++) {
    const center = load<f64>(centers + (i << 3));
    let sum = load<f64>(sums + (i << 3));
    for (let row = x + (i << 2), last = end + (i << 2); row !== last; row += stride) {
      const d = <f64>load<f32>(row) - center;
      sum += d * d;
    }
    store<f64>(sums + (i << 3), sum);
  }
}

/** Updates the running statistics, and replaces each variance by its reciprocal deviation. */
function finishStatistics(
  mean: usize,
  rstd: usize,
  runningMean: usize,
  runningVariance: usize,
  rows: usize,
  channels: usize,
  epsilon: f32,
  momentum: f32,
): void {
  const weight = <f64>momentum;
  // torch refuses one value per channel; here its variance is not corrected.
  const unbias = rows > 1 ? <f64>rows / <f64>(rows - 1) : 1;
  for (let i: usize = 0; i < channels << 2; i += 4) {
    const variance = <f64>load<f32>(rstd + i);
    if (runningMean) blend(runningMean + i, <f64>load<f32>(mean + i), weight);
    if (runningVariance) blend(runningVariance + i, variance * unbias, weight);
    store<f32>(rstd + i, <f32>(1.0 / sqrt<f64>(variance + <f64>epsilon)));
  }
}

function blend(at: usize, value: f64, weight: f64): void {
  store<f32>(at, <f32>((1 - weight) * <f64>load<f32>(at) + weight * value));
}

/** `scratch` [3,C] holds the factors of a channel between the two passes. */
export function batchNormBackward(
  dy: usize,
  x: usize,
  weight: usize,
  mean: usize,
  rstd: usize,
  dx: usize,
  dWeight: usize,
  dBias: usize,
  scratch: usize,
  rows: usize,
  channels: usize,
): void {
  const stride = channels << 2;
  cut(channels, LINE);
  const end = first + count;
  for (let from = first; from < end; from += BLOCK) {
    const n = min(BLOCK, end - from);
    const at = from << 2;
    const shift = scratch + at;
    const slope = shift + stride;
    const factor = slope + stride;
    const sums = panels();
    const products = sums + (BLOCK << 3);
    memory.fill(sums, 0, n << 3);
    memory.fill(products, 0, n << 3);
    const step = rowsAtATime(stride);
    for (let r: usize = 0; r < rows; r += step) {
      const place = at + r * stride;
      addGradients(dy + place, x + place, stride, min(step, rows - r), n, mean + at, sums, products);
    }
    for (let i: usize = 0; i < n << 2; i += 4) {
      const deviation = <f64>load<f32>(rstd + at + i);
      const sum = <f64>(<f32>load<f64>(sums + (i << 1)));
      const product = <f64>(<f32>load<f64>(products + (i << 1))) * deviation;
      store<f32>(dBias + at + i, <f32>(<f64>load<f32>(dBias + at + i) + sum));
      store<f32>(dWeight + at + i, <f32>(<f64>load<f32>(dWeight + at + i) + product));
      store<f32>(shift + i, <f32>(sum / <f64>rows));
      store<f32>(slope + i, <f32>((product / <f64>rows) * deviation));
      store<f32>(factor + i, load<f32>(rstd + at + i) * load<f32>(weight + at + i));
    }
    inputGradient(dy + at, x + at, mean + at, shift, dx + at, rows, stride, n);
  }
}

/** sums [n] += Σ dy and products [n] += Σ dy·(x − mean) of these rows, in double. */
function addGradients(
  dy: usize,
  x: usize,
  stride: usize,
  rows: usize,
  n: usize,
  mean: usize,
  sums: usize,
  products: usize,
): void {
  const bytes = rows * stride;
  const whole = n & ~3;
  for (let i: usize = 0; i < whole; i += 4) {
    const at = i << 2;
    const to = i << 3;
    const center = v128.load(mean + at);
    const c0 = Halves.low(center);
    const c1 = Halves.high(center);
    let s0 = v128.load(sums + to);
    let s1 = v128.load(sums + to, 16);
    let p0 = v128.load(products + to);
    let p1 = v128.load(products + to, 16);
    for (let row = at; row !== at + bytes; row += stride) {
      const d = v128.load(dy + row);
      const v = v128.load(x + row);
      const d0 = Halves.low(d);
      const d1 = Halves.high(d);
      s0 = f64x2.add(s0, d0);
      s1 = f64x2.add(s1, d1);
      p0 = f64x2.add(p0, f64x2.mul(d0, f64x2.sub(Halves.low(v), c0)));
      p1 = f64x2.add(p1, f64x2.mul(d1, f64x2.sub(Halves.high(v), c1)));
    }
    v128.store(sums + to, s0);
    v128.store(sums + to, s1, 16);
    v128.store(products + to, p0);
    v128.store(products + to, p1, 16);
  }
  for (let i = whole; i < n; i++) {
    const at = i << 2;
    const to = i << 3;
    const center = <f64>load<f32>(mean + at);
    let sum = load<f64>(sums + to);
    let product = load<f64>(products + to);
    for (let row = at; row !== at + bytes; row += stride) {
      const d = <f64>load<f32>(dy + row);
      sum += d;
      product += d * (<f64>load<f32>(x + row) - center);
    }
    store<f64>(sums + to, sum);
    store<f64>(products + to, product);
  }
}

/** dx = factor·(dy − shift − (x − mean)·slope) of n channels; the three factors are `stride` apart. */
function inputGradient(
  dy: usize,
  x: usize,
  mean: usize,
  shift: usize,
  dx: usize,
  rows: usize,
  stride: usize,
  n: usize,
): void {
  const bytes = n << 2;
  const whole = bytes & ~15;
  const slope = shift + stride;
  const factor = slope + stride;
  for (let r: usize = 0; r < rows; r++) {
    let i: usize = 0;
    for (; i < whole; i += 16) {
      const centered = f32x4.sub(v128.load(x + i), v128.load(mean + i));
      const shifted = f32x4.sub(v128.load(dy + i), v128.load(shift + i));
      const d = f32x4.sub(shifted, f32x4.mul(centered, v128.load(slope + i)));
      v128.store(dx + i, f32x4.mul(v128.load(factor + i), d));
    }
    for (; i < bytes; i += 4) {
      const centered: f32 = load<f32>(x + i) - load<f32>(mean + i);
      const d: f32 = load<f32>(dy + i) - load<f32>(shift + i) - centered * load<f32>(slope + i);
      store<f32>(dx + i, load<f32>(factor + i) * d);
    }
    dy += stride;
    x += stride;
    dx += stride;
  }
}
