// Batch norm folded into the convolution before it, as models/regnety/folding.ts does on the host, bit for bit: a model
// in training is evaluated with the values that its files are served with.
//
//   factor = γ/√(variance + ε),  folded [O,…] = weight·factor,  shift [O] = β − mean·factor
//
// In double, each result rounded once. O rows of n values; memory-bound, 8 bytes per weight.

/** folded may not be weight, which the next training step reads. */
export function foldBatchNorm(
  weight: usize,
  gamma: usize,
  beta: usize,
  mean: usize,
  variance: usize,
  folded: usize,
  shift: usize,
  outputs: usize,
  n: usize,
  epsilon: f32,
): void {
  for (let o: usize = 0; o < outputs << 2; o += 4) {
    const deviation = sqrt<f64>(<f64>load<f32>(variance + o) + <f64>epsilon);
    const factor = <f64>load<f32>(gamma + o) / deviation;
    store<f32>(shift + o, <f32>(<f64>load<f32>(beta + o) - <f64>load<f32>(mean + o) * factor));
    scaleRow(weight, folded, n, factor);
    weight += n << 2;
    folded += n << 2;
  }
}

function scaleRow(from: usize, to: usize, n: usize, factor: f64): void {
  const factors = f64x2.splat(factor);
  const whole = (n & ~1) << 2;
  for (let i: usize = 0; i < whole; i += 8) {
    const product = f64x2.mul(f64x2.promote_low_f32x4(v128.load64_zero(from + i)), factors);
    v128.store64_lane(to + i, f32x4.demote_f64x2_zero(product), 0);
  }
  if (n & 1) store<f32>(to + whole, <f32>(<f64>load<f32>(from + whole) * factor));
}
