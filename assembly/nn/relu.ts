// ReLU max(x, 0), forward and backward. The slope at 0 is 0, as in PyTorch; backward reads y, so x need not be kept.
// Memory-bound, any length; results may be any of the inputs. NaN stays NaN.

import { loadTail, storeTail } from "./simd";

export function relu(x: usize, y: usize, n: usize): void {
  const zero = f32x4.splat(0);
  const whole = (n & ~3) << 2;
  for (let i: usize = 0; i < whole; i += 16) v128.store(y + i, f32x4.max(v128.load(x + i), zero));
  const tail = n & 3;
  if (tail) storeTail(y + whole, f32x4.max(loadTail(x + whole, tail, 0), zero), tail);
}

/** dx = dy where y > 0, else 0. */
export function reluBackward(y: usize, dy: usize, dx: usize, n: usize): void {
  const zero = f32x4.splat(0);
  const whole = (n & ~3) << 2;
  for (let i: usize = 0; i < whole; i += 16) {
    v128.store(dx + i, v128.and(v128.load(dy + i), f32x4.gt(v128.load(y + i), zero)));
  }
  const tail = n & 3;
  if (!tail) return;
  const mask = f32x4.gt(loadTail(y + whole, tail, 0), zero);
  storeTail(dx + whole, v128.and(loadTail(dy + whole, tail, 0), mask), tail);
}
