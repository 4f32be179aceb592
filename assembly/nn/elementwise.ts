// Element-wise: weighted sums, scaling by a number or per sample, residual additions, copies and fills. Memory-bound,
// one pass, any length. The result may be any of the inputs.

import { assertFloats } from "./checks";
import { loadTail, storeTail } from "./simd";

/** y [n] = alpha·a + beta·b */
export function scaledSum(a: usize, b: usize, y: usize, n: usize, alpha: f32, beta: f32): void {
  if (!ASC_NO_ASSERT) {
    assertFloats(a, n << 2);
    assertFloats(b, n << 2);
    assertFloats(y, n << 2);
  }
  const alpha4 = f32x4.splat(alpha);
  const beta4 = f32x4.splat(beta);
  const whole = (n & ~3) << 2;
  const pairs = (n & ~7) << 2;
  for (let i: usize = 0; i < pairs; i += 32) {
    // Adjacent, so that the engine can fuse them into one 256-bit operation.
    const y0 = f32x4.add(f32x4.mul(alpha4, v128.load(a + i)), f32x4.mul(beta4, v128.load(b + i)));
    const y1 = f32x4.add(f32x4.mul(alpha4, v128.load(a + i, 16)), f32x4.mul(beta4, v128.load(b + i, 16)));
    v128.store(y + i, y0);
    v128.store(y + i, y1, 16);
  }
  if (pairs < whole) {
    const last = f32x4.add(f32x4.mul(alpha4, v128.load(a + pairs)), f32x4.mul(beta4, v128.load(b + pairs)));
    v128.store(y + pairs, last);
  }
  const tail = n & 3;
  if (!tail) return;
  const left = f32x4.mul(alpha4, loadTail(a + whole, tail, 0));
  storeTail(y + whole, f32x4.add(left, f32x4.mul(beta4, loadTail(b + whole, tail, 0))), tail);
}

/** y [n] = factor·x */
function multiply(x: usize, y: usize, n: usize, factor: f32): void {
  if (!ASC_NO_ASSERT) {
    assertFloats(x, n << 2);
    assertFloats(y, n << 2);
  }
  const factor4 = f32x4.splat(factor);
  const whole = (n & ~3) << 2;
  for (let i: usize = 0; i < whole; i += 16) v128.store(y + i, f32x4.mul(factor4, v128.load(x + i)));
  const tail = n & 3;
  if (tail) storeTail(y + whole, f32x4.mul(factor4, loadTail(x + whole, tail, 0)), tail);
}

/** y [n] = scale[0]·x */
export function scaleByScalar(x: usize, scale: usize, y: usize, n: usize): void {
  multiply(x, y, n, load<f32>(scale));
}

/** y [B,n] = scale[b]·x: the gradient of stochastic depth. */
export function scaleRows(x: usize, scale: usize, y: usize, batch: usize, n: usize): void {
  for (let b: usize = 0; b < batch; b++) {
    const offset = (b * n) << 2;
    multiply(x + offset, y + offset, n, load<f32>(scale + (b << 2)));
  }
}

/** y [B,n] = x + scale[b]·branch, or x + branch where scale is absent. */
export function residual(x: usize, branch: usize, scale: usize, y: usize, batch: usize, n: usize): void {
  for (let b: usize = 0; b < batch; b++) {
    const offset = (b * n) << 2;
    const factor: f32 = scale ? load<f32>(scale + (b << 2)) : 1;
    scaledSum(x + offset, branch + offset, y + offset, n, 1, factor);
  }
}

export function copy(x: usize, y: usize, n: usize): void {
  if (!ASC_NO_ASSERT) {
    assertFloats(x, n << 2);
    assertFloats(y, n << 2);
  }
  memory.copy(y, x, n << 2);
}

export function fill(y: usize, n: usize, value: f32): void {
  if (!ASC_NO_ASSERT) assertFloats(y, n << 2);
  const value4 = f32x4.splat(value);
  const whole = (n & ~3) << 2;
  for (let i: usize = 0; i < whole; i += 16) v128.store(y + i, value4);
  const tail = n & 3;
  if (tail) storeTail(y + whole, value4, tail);
}
