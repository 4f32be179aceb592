// GELU in the exact form x·Φ(x), forward and backward; Φ is the normal distribution's cumulative function.
//
// With t = |x|: Q(t) = ½·erfc(t/√2) = exp(−t²/2)·g(t), and g is a polynomial of degree 9 in s = 1/(1 + 0.34·t) that
// generate-normal-tail.mjs fits (relative error 6e-8 in double, 3e-7 with float32 arithmetic). The tail keeps its
// relative precision, where 1 + erf(x/√2) would cancel; the exponential serves the density in the gradient too.
//
//   forward   y  = max(x, 0) − t·Q(t)                                        absolute error ≤ 2e-7
//   backward  dx = dy·(Φ(x) + x·φ(x)),  φ(x) = exp(−x²/2)/√(2π),  Φ(x) = x < 0 ? Q(t) : 1 − Q(t)
//
// 4 bytes in, 4 out and about 35 flops per value. x, dy and the result may be the same array.

import { Float4, loadTail, storeTail } from "./simd";

// p, then c8 … c0, then 1/√(2π), 1 and −½.
const TAIL: usize = memory.data<f32>(
  [
    0.34, -0.0278731951, 0.147664589, -0.289211633, 0.219603096, -0.0560338971, 0.119854415, 0.114134827,
    0.136248539, 0.13561325, 0.3989422804014327, 1.0, -0.5,
  ],
  16,
);

class Normal {
  /** exp(−t²/2) for t = |x|. */
  @inline
  static bell(x: v128): v128 {
    return Float4.exp(f32x4.mul(f32x4.mul(x, x), Float4.constant(TAIL, 12)));
  }

  /** Q(t) from t ≥ 0 and exp(−t²/2). */
  @inline
  static upperTail(t: v128, bell: v128): v128 {
    const one = Float4.constant(TAIL, 11);
    const s = f32x4.div(one, Float4.madd(t, Float4.constant(TAIL, 0), one));
    // Estrin's order: independent products, since one chain of eight would leave the units waiting.
    const s2 = f32x4.mul(s, s);
    const s4 = f32x4.mul(s2, s2);
    const low = Float4.madd(Float4.constant(TAIL, 8), s, Float4.constant(TAIL, 9));
    const c23 = Float4.madd(Float4.constant(TAIL, 6), s, Float4.constant(TAIL, 7));
    const c45 = Float4.madd(Float4.constant(TAIL, 4), s, Float4.constant(TAIL, 5));
    const c67 = Float4.madd(Float4.constant(TAIL, 2), s, Float4.constant(TAIL, 3));
    const high = Float4.madd(Float4.constant(TAIL, 1), s4, Float4.madd(c67, s2, c45));
    const g = Float4.madd(high, s4, Float4.madd(c23, s2, low));
    return f32x4.mul(f32x4.mul(g, s), bell);
  }

  @inline
  static gelu(x: v128): v128 {
    const t = f32x4.abs(x);
    return f32x4.sub(f32x4.pmax(x, f32x4.splat(0)), f32x4.mul(t, Normal.upperTail(t, Normal.bell(x))));
  }

  @inline
  static geluSlope(x: v128): v128 {
    const bell = Normal.bell(x);
    const tail = Normal.upperTail(f32x4.abs(x), bell);
    const phi = v128.bitselect(tail, f32x4.sub(Float4.constant(TAIL, 11), tail), f32x4.lt(x, f32x4.splat(0)));
    return Float4.madd(f32x4.mul(x, Float4.constant(TAIL, 10)), bell, phi);
  }
}

export function gelu(x: usize, y: usize, n: usize): void {
  // Two vectors at a time, stored consecutively: V8 fuses them where it has 256-bit operations.
  const pairs = x + ((n & ~7) << 2);
  while (x !== pairs) {
    const low = Normal.gelu(v128.load(x));
    const high = Normal.gelu(v128.load(x, 16));
    v128.store(y, low);
    v128.store(y, high, 16);
    x += 32;
    y += 32;
  }
  const end = x + ((n & 4) << 2);
  while (x !== end) {
    v128.store(y, Normal.gelu(v128.load(x)));
    x += 16;
    y += 16;
  }
  const tail = n & 3;
  if (tail) storeTail(y, Normal.gelu(loadTail(x, tail, 0)), tail);
}

export function geluBackward(x: usize, dy: usize, dx: usize, n: usize): void {
  const pairs = x + ((n & ~7) << 2);
  while (x !== pairs) {
    const d0 = f32x4.mul(v128.load(dy), Normal.geluSlope(v128.load(x)));
    const d1 = f32x4.mul(v128.load(dy, 16), Normal.geluSlope(v128.load(x, 16)));
    v128.store(dx, d0);
    v128.store(dx, d1, 16);
    x += 32;
    dy += 32;
    dx += 32;
  }
  if (n & 4) {
    v128.store(dx, f32x4.mul(v128.load(dy), Normal.geluSlope(v128.load(x))));
    x += 16;
    dy += 16;
    dx += 16;
  }
  const tail = n & 3;
  if (tail) storeTail(dx, f32x4.mul(loadTail(dy, tail, 0), Normal.geluSlope(loadTail(x, tail, 0))), tail);
}
