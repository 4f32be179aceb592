// Row sums: the sum of a row and of its squared deviations, in sixteen lanes that are combined in a fixed order.

import { loadTail, sum4 } from "./simd";

/** Σ x over one row. */
export function rowSum(x: usize, width: usize): f32 {
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
export function squaredDeviations(x: usize, width: usize, mean: f32): f32 {
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
