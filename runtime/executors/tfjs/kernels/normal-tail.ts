// Normal tail: the normal distribution's upper tail, and exact GELU from it; tfjs's own erf has an error of 1.5e-7.
//
// With t = |x|: Q(t) = ½·erfc(t/√2) = exp(−t²/2)·g(t), g a polynomial of degree 9 in s = 1/(1 + 0.34·t), as in
// assembly/nn/gelu.ts: y = max(x, 0) − t·Q(t), slope = Φ(x) + x·φ(x). Absolute error ≤ 4e-7 in float32: each of the 30
// operations rounds.

import type { Tensor, Tfjs } from "../tfjs.js";

/** tfjs, and constants that are made once. */
export interface ScalarMath {
  readonly tf: Tfjs;
  scalar(value: number): Tensor;
}

/** c8 … c0, by assembly/nn/generate-normal-tail.mjs. */
const TAIL = [
  -0.0278731951, 0.147664589, -0.289211633, 0.219603096, -0.0560338971, 0.119854415, 0.114134827, 0.136248539,
  0.13561325,
];
/** The coefficient of t in s. */
const TAIL_SCALE = 0.34;
/** 1/√(2π) */
export const DENSITY = 0.3989422804014327;

/** exp(−x²/2), clamped at −87, below which the result would be subnormal. */
export function bell(at: ScalarMath, x: Tensor): Tensor {
  const { tf } = at;
  return tf.exp(tf.maximum(tf.mul(tf.square(x), at.scalar(-0.5)), at.scalar(-87)));
}

/** Q(t) from t ≥ 0 and exp(−t²/2). */
export function upperTail(at: ScalarMath, t: Tensor, bellOfT: Tensor): Tensor {
  const { tf } = at;
  const s = tf.reciprocal(tf.add(tf.mul(t, at.scalar(TAIL_SCALE)), at.scalar(1)));
  const [first, ...rest] = TAIL as [number, ...number[]];
  let g = tf.mul(s, at.scalar(first));
  for (const [i, coefficient] of rest.entries()) {
    g = tf.add(g, at.scalar(coefficient));
    if (i < rest.length - 1) g = tf.mul(g, s);
  }
  return tf.mul(tf.mul(g, s), bellOfT);
}

/** x·Φ(x) */
export function geluOf(at: ScalarMath, x: Tensor): Tensor {
  const { tf } = at;
  const t = tf.abs(x);
  return tf.sub(tf.maximum(x, at.scalar(0)), tf.mul(t, upperTail(at, t, bell(at, x))));
}
