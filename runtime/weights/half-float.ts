// Half float: IEEE binary16 and bfloat16 bit patterns to float32. Exact: both are subsets of float32.

/** 1 sign, 5 exponent, 10 mantissa bits. */
export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** [n] binary16 patterns → [n] float32. */
export function halvesToFloats(halves: Uint16Array): Float32Array {
  return Float32Array.from(halves, halfToFloat);
}

/** [n] bfloat16 patterns, the upper halves of float32's, → [n] float32. */
export function bfloatsToFloats(halves: Uint16Array): Float32Array {
  const words = Uint32Array.from(halves, (bits) => bits << 16);
  return new Float32Array(words.buffer);
}
