// Reference implementation of softmax.ts and log-softmax.ts in double.

/** softmax(scale·x) of one row */
export function referenceSoftmax(x: ArrayLike<number>, scale = 1): number[] {
  const scaled = Array.from(x, (value) => value * scale);
  const top = scaled.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = scaled.map((value) => Math.exp(value - top));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
}

/** log softmax(scale·x) of one row */
export function referenceLogSoftmax(x: ArrayLike<number>, scale = 1): number[] {
  const scaled = Array.from(x, (value) => value * scale);
  const top = scaled.reduce((a, b) => Math.max(a, b), -Infinity);
  const total = Math.log(scaled.reduce((sum, value) => sum + Math.exp(value - top), 0));
  return scaled.map((value) => value - top - total);
}
