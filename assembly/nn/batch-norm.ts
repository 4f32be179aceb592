// Batch normalization in training, forward and backward: each channel over all samples and pixels. x [R,C], rows of
// channels.
//
//   forward   y = (x − mean)·rstd·weight + bias,  rstd = 1/√(variance + ε), biased variance (divided by R);
//             running ← (1 − momentum)·running + momentum·(mean, R/(R − 1)·variance): the unbiased variance is kept
//   backward  with x̂ = (x − mean)·rstd:  dBias += Σ dy,  dWeight += Σ dy·x̂,
//             dx = rstd·weight·(dy − Σ dy/R − x̂·Σ dy·x̂/R)
//
// In inference the layer is a factor and a shift per channel, which models/regnety/folding.ts multiplies into the
// convolution before it. A channel's sums are in double, in ascending order of the rows, one chain each, so threads
// could divide the channels without changing a bit. Memory-bound: three passes over x forward, two over x and dy
// backward.

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
  const stride = channels << 2;
  const whole = (channels & ~3) << 2;
  for (let i: usize = 0; i < whole; i += 16) moments4(x + i, stride, rows, mean + i, rstd + i);
  for (let i = whole; i < stride; i += 4) moments1(x + i, stride, rows, mean + i, rstd + i);
  finishStatistics(mean, rstd, runningMean, runningVariance, rows, channels, epsilon, momentum);
  for (let r: usize = 0; r < rows; r++) {
    let i: usize = 0;
    for (; i < whole; i += 16) {
      const normal = f32x4.mul(f32x4.sub(v128.load(x + i), v128.load(mean + i)), v128.load(rstd + i));
      v128.store(y + i, f32x4.add(f32x4.mul(normal, v128.load(weight + i)), v128.load(bias + i)));
    }
    for (; i < stride; i += 4) {
      const normal: f32 = (load<f32>(x + i) - load<f32>(mean + i)) * load<f32>(rstd + i);
      store<f32>(y + i, normal * load<f32>(weight + i) + load<f32>(bias + i));
    }
    x += stride;
    y += stride;
  }
}

/** Mean, and in place of rstd the biased variance, of four neighboring channels. */
function moments4(x: usize, stride: usize, rows: usize, mean: usize, variance: usize): void {
  let s0 = f64x2.splat(0);
  let s1 = f64x2.splat(0);
  const end = x + rows * stride;
  for (let row = x; row !== end; row += stride) {
    const v = v128.load(row);
    s0 = f64x2.add(s0, Halves.low(v));
    s1 = f64x2.add(s1, Halves.high(v));
  }
  const n = f64x2.splat(<f64>rows);
  const m0 = f64x2.div(s0, n);
  const m1 = f64x2.div(s1, n);
  s0 = f64x2.splat(0);
  s1 = f64x2.splat(0);
  for (let row = x; row !== end; row += stride) {
    const v = v128.load(row);
    const d0 = f64x2.sub(Halves.low(v), m0);
    const d1 = f64x2.sub(Halves.high(v), m1);
    s0 = f64x2.add(s0, f64x2.mul(d0, d0));
    s1 = f64x2.add(s1, f64x2.mul(d1, d1));
  }
  Halves.store(mean, m0, m1);
  Halves.store(variance, f64x2.div(s0, n), f64x2.div(s1, n));
}

function moments1(x: usize, stride: usize, rows: usize, mean: usize, variance: usize): void {
  let sum: f64 = 0;
  const end = x + rows * stride;
  for (let row = x; row !== end; row += stride) sum += <f64>load<f32>(row);
  const center = sum / <f64>rows;
  sum = 0;
  for (let row = x; row !== end; row += stride) {
    const d = <f64>load<f32>(row) - center;
    sum += d * d;
  }
  store<f32>(mean, <f32>center);
  store<f32>(variance, <f32>(sum / <f64>rows));
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
  const whole = (channels & ~3) << 2;
  const sums = scratch;
  const products = scratch + stride;
  for (let i: usize = 0; i < whole; i += 16) {
    gradients4(dy + i, x + i, rows, stride, mean + i, sums + i, products + i);
  }
  for (let i = whole; i < stride; i += 4) {
    gradients1(dy + i, x + i, rows, stride, mean + i, sums + i, products + i);
  }
  const n = <f64>rows;
  for (let i: usize = 0; i < stride; i += 4) {
    const deviation = <f64>load<f32>(rstd + i);
    const sum = <f64>load<f32>(sums + i);
    const product = <f64>load<f32>(products + i) * deviation;
    store<f32>(dBias + i, <f32>(<f64>load<f32>(dBias + i) + sum));
    store<f32>(dWeight + i, <f32>(<f64>load<f32>(dWeight + i) + product));
    store<f32>(sums + i, <f32>(sum / n));
    store<f32>(products + i, <f32>((product / n) * deviation));
    store<f32>(scratch + 2 * stride + i, load<f32>(rstd + i) * load<f32>(weight + i));
  }
  inputGradient(dy, x, mean, scratch, dx, rows, channels);
}

/** Σ dy and Σ dy·(x − mean) of four neighboring channels. */
function gradients4(
  dy: usize,
  x: usize,
  rows: usize,
  stride: usize,
  mean: usize,
  sum: usize,
  product: usize,
): void {
  const center = v128.load(mean);
  const c0 = Halves.low(center);
  const c1 = Halves.high(center);
  let s0 = f64x2.splat(0);
  let s1 = f64x2.splat(0);
  let p0 = f64x2.splat(0);
  let p1 = f64x2.splat(0);
  for (let i: usize = 0; i < rows * stride; i += stride) {
    const d = v128.load(dy + i);
    const v = v128.load(x + i);
    const d0 = Halves.low(d);
    const d1 = Halves.high(d);
    s0 = f64x2.add(s0, d0);
    s1 = f64x2.add(s1, d1);
    p0 = f64x2.add(p0, f64x2.mul(d0, f64x2.sub(Halves.low(v), c0)));
    p1 = f64x2.add(p1, f64x2.mul(d1, f64x2.sub(Halves.high(v), c1)));
  }
  Halves.store(sum, s0, s1);
  Halves.store(product, p0, p1);
}

function gradients1(
  dy: usize,
  x: usize,
  rows: usize,
  stride: usize,
  mean: usize,
  sum: usize,
  product: usize,
): void {
  const center = <f64>load<f32>(mean);
  let plain: f64 = 0;
  let centered: f64 = 0;
  for (let i: usize = 0; i < rows * stride; i += stride) {
    const d = <f64>load<f32>(dy + i);
    plain += d;
    centered += d * (<f64>load<f32>(x + i) - center);
  }
  store<f32>(sum, <f32>plain);
  store<f32>(product, <f32>centered);
}

/** dx = factor·(dy − meanDy − (x − mean)·slope); the three channel factors are in `scratch`. */
function inputGradient(
  dy: usize,
  x: usize,
  mean: usize,
  scratch: usize,
  dx: usize,
  rows: usize,
  channels: usize,
): void {
  const stride = channels << 2;
  const whole = (channels & ~3) << 2;
  const slope = scratch + stride;
  const factor = slope + stride;
  for (let r: usize = 0; r < rows; r++) {
    let i: usize = 0;
    for (; i < whole; i += 16) {
      const centered = f32x4.sub(v128.load(x + i), v128.load(mean + i));
      const shifted = f32x4.sub(v128.load(dy + i), v128.load(scratch + i));
      const d = f32x4.sub(shifted, f32x4.mul(centered, v128.load(slope + i)));
      v128.store(dx + i, f32x4.mul(v128.load(factor + i), d));
    }
    for (; i < stride; i += 4) {
      const centered: f32 = load<f32>(x + i) - load<f32>(mean + i);
      const d: f32 = load<f32>(dy + i) - load<f32>(scratch + i) - centered * load<f32>(slope + i);
      store<f32>(dx + i, load<f32>(factor + i) * d);
    }
    dy += stride;
    x += stride;
    dx += stride;
  }
}
