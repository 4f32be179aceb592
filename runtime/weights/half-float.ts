// Half float: IEEE binary16 and bfloat16 bit patterns to float32, and float32 to both. Widening is exact, since
// both are subsets of float32.

/** 1 sign, 5 exponent, 10 mantissa bits. */
export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

let widened: Float32Array | undefined;

/** [n] binary16 patterns → [n] float32, by a table of all 65,536 patterns. */
export function halvesToFloats(halves: Uint16Array): Float32Array {
  widened ??= Float32Array.from({ length: 65_536 }, (_, bits) => halfToFloat(bits));
  const floats = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) floats[i] = widened[halves[i]];
  return floats;
}

/** [n] bfloat16 patterns, the upper 16 bits of float32, → [n] float32. */
export function bfloatsToFloats(halves: Uint16Array): Float32Array {
  const words = new Uint32Array(halves.length);
  for (let i = 0; i < words.length; i++) words[i] = halves[i] << 16;
  return new Float32Array(words.buffer);
}

/** The largest finite binary16. */
export const LARGEST_HALF = 65_504;
/**
 * float32 bits of infinity, of 2⁻¹⁴ (the smallest normal binary16), and of 65,520, the smallest value that rounds to ∞.
 */
const INFINITY_BITS = 0x7f800000;
const SMALLEST_NORMAL_BITS = 0x38800000;
const OVERFLOW_BITS = 0x477ff000;
/** Difference of the exponent biases, 127 − 15, at the position of binary16's exponent. */
const BIAS_BITS = 112 << 10;

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/** float32 bits → binary16 bits. */
function halfOf(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > INFINITY_BITS) return sign | 0x7e00;
  if (magnitude >= OVERFLOW_BITS) return sign | 0x7c00;
  if (magnitude >= SMALLEST_NORMAL_BITS)
    return sign | (((magnitude + 0xfff + ((magnitude >>> 13) & 1)) >>> 13) - BIAS_BITS);
  const exponent = Math.max(magnitude >>> 23, 1);
  const mantissa = (magnitude & 0x7fffff) | (magnitude >>> 23 ? 0x800000 : 0);
  return sign | roundHalfToEven(mantissa * 2 ** (exponent - 150 + 24));
}

/** float32 bits → bfloat16 bits. */
function bfloatOf(word: number): number {
  if ((word & 0x7fffffff) > INFINITY_BITS) return (word >>> 16) | 0x40;
  return (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
}

/*
 * The conversions are loops, as `from` with a function takes forty times as long (90 against 2 ns a value): gradients of
 * several processes travel through them.
 */

/** [n] float32 → [n] binary16 patterns, ties to even; infinite from ±65,520. */
export function floatsToHalves(floats: Float32Array): Uint16Array {
  const words = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
  const halves = new Uint16Array(words.length);
  for (let i = 0; i < words.length; i++) halves[i] = halfOf(words[i]);
  return halves;
}

/** Whether every value is a finite binary16, so that rounding to it changes none. */
export function areHalves(floats: Float32Array): boolean {
  const words = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
  for (let i = 0; i < floats.length; i++) {
    const magnitude = words[i] & 0x7fffffff;
    if (magnitude >= SMALLEST_NORMAL_BITS) {
      if ((magnitude & 0x1fff) !== 0 || magnitude >= OVERFLOW_BITS) return false;
    } else if ((floats[i] * 2 ** 24) % 1 !== 0) return false;
  }
  return true;
}

/** [n] float32 → [n] bfloat16 patterns, ties to even; infinite from the middle between its largest number and 2¹²⁸. */
export function floatsToBfloats(floats: Float32Array): Uint16Array {
  const words = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
  const halves = new Uint16Array(words.length);
  for (let i = 0; i < words.length; i++) halves[i] = bfloatOf(words[i]);
  return halves;
}
