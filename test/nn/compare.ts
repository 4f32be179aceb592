// Comparison of a kernel's result with its reference's: a failure states the index, both values and the tolerance.

type Values = ArrayLike<number>;

function fail(what: string, i: number, got: number, expected: number, allowed: number): never {
  throw new Error(
    `${what}: value ${i} is ${got}, its reference's ${expected} (allowed difference ${allowed})`,
  );
}

/** |got − expected| ≤ allowed everywhere; `allowed` is one number or one for each value. */
export function assertClose(got: Values, expected: Values, allowed: number | Values, what: string): void {
  if (got.length !== expected.length)
    throw new Error(`${what}: ${got.length} values, not ${expected.length}`);
  for (let i = 0; i < got.length; i++) {
    const limit = typeof allowed === "number" ? allowed : allowed[i];
    const difference = Math.abs(got[i] - expected[i]);
    if (!(difference <= limit)) fail(what, i, got[i], expected[i], limit);
  }
}

/** The same bits, NaN and the sign of zero included. */
export function assertSameBits(got: Float32Array, expected: Float32Array, what: string): void {
  if (got.length !== expected.length)
    throw new Error(`${what}: ${got.length} values, not ${expected.length}`);
  const left = new Uint32Array(got.buffer, got.byteOffset, got.length);
  const right = new Uint32Array(expected.buffer, expected.byteOffset, expected.length);
  for (let i = 0; i < left.length; i++) {
    if (left[i] !== right[i]) fail(what, i, got[i], expected[i], 0);
  }
}
