// Sigmoid 1/(1 + e^−x), forward and backward. Both signs use e^−|x| ≤ 1, so nothing overflows; relative error ≤ 5e-7.
// The gate of squeeze-and-excitation: one value per channel, so speed does not matter here.

import { Float4, loadTail, storeTail } from "./simd";

export function sigmoid(x: usize, y: usize, n: usize): void {
  const whole = (n & ~3) << 2;
  for (let i: usize = 0; i < whole; i += 16) v128.store(y + i, sigmoid4(v128.load(x + i)));
  const tail = n & 3;
  if (tail) storeTail(y + whole, sigmoid4(loadTail(x + whole, tail, 0)), tail);
}

function sigmoid4(x: v128): v128 {
  const one = f32x4.splat(1);
  const power = Float4.exp(f32x4.neg(f32x4.abs(x)));
  const above = v128.bitselect(power, one, f32x4.lt(x, f32x4.splat(0)));
  return f32x4.div(above, f32x4.add(one, power));
}

/** dx = dy·y·(1 − y) */
export function sigmoidBackward(y: usize, dy: usize, dx: usize, n: usize): void {
  for (let i: usize = 0; i < n << 2; i += 4) {
    const value = load<f32>(y + i);
    store<f32>(dx + i, load<f32>(dy + i) * value * (1 - value));
  }
}
