// Reference implementation of gelu.ts: the normal distribution in double, from series and continued fraction, and the
// exact GELU.

/** erfc(z) with a relative error near 1e-15: the series of erf below 2, a continued fraction above. */
export function erfc(z: number): number {
  if (z < 0) return 2 - erfc(-z);
  if (z < 2) {
    let term = z;
    let sum = z;
    for (let n = 1; n < 80; n++) {
      term *= (2 * z * z) / (2 * n + 1);
      sum += term;
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * Math.exp(-z * z) * sum;
  }
  let fraction = z;
  for (let n = 400; n >= 1; n--) fraction = z + n / 2 / fraction;
  return Math.exp(-z * z) / (Math.sqrt(Math.PI) * fraction);
}

/** Φ(x) */
function normalCumulative(x: number): number {
  return 0.5 * erfc(-x / Math.SQRT2);
}

export function referenceGelu(x: number): number {
  return x * normalCumulative(x);
}

/** d gelu / dx = Φ(x) + x·φ(x) */
export function referenceGeluSlope(x: number): number {
  return normalCumulative(x) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}
