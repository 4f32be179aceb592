// Kernels: weight of a filter at a distance, in Pillow's own order of operations (Resample.c), since a different last
// bit of a double could move a fixed-point weight and then a pixel.

import { Filter } from "./filter";

/** Distance at which the filter ends, in pixels of the coarser grid; 0 for Nearest, which has no weights. */
export function filterSupport(filter: Filter): f64 {
  switch (filter) {
    case Filter.Box:
      return 0.5;
    case Filter.Bilinear:
    case Filter.Hamming:
      return 1.0;
    case Filter.Bicubic:
      return 2.0;
    case Filter.Lanczos:
      return 3.0;
    default:
      return 0.0;
  }
}

/** Weight at signed distance x. */
export function filterWeight(filter: Filter, x: f64): f64 {
  switch (filter) {
    case Filter.Box:
      return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
    case Filter.Bilinear:
      return bilinear(Math.abs(x));
    case Filter.Hamming:
      return hamming(Math.abs(x));
    case Filter.Bicubic:
      return bicubic(Math.abs(x));
    default:
      return lanczos(x);
  }
}

function bilinear(x: f64): f64 {
  return x < 1.0 ? 1.0 - x : 0.0;
}

function hamming(x: f64): f64 {
  if (x === 0.0) return 1.0;
  if (x >= 1.0) return 0.0;
  const angle = x * NativeMath.PI;
  // The constants are floats in Pillow, widened to double.
  return (NativeMath.sin(angle) / angle) * (<f64>(<f32>0.54) + <f64>(<f32>0.46) * NativeMath.cos(angle));
}

/** Keys' kernel with a = −0.5. */
function bicubic(x: f64): f64 {
  const a: f64 = -0.5;
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

function sinc(x: f64): f64 {
  if (x === 0.0) return 1.0;
  const angle = x * NativeMath.PI;
  return NativeMath.sin(angle) / angle;
}

function lanczos(x: f64): f64 {
  return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0;
}
