// Whole arrays to one number, in double: inner product, and the sum of squares that clipping needs.
//
// Chunks of 4,096 values, each summed in four lanes, are added in index order, so a later division of the chunks
// among threads changes no bit. A product of two float32 is exact in double: the error stays below 1e-12.

const CHUNK: usize = 4096;

function low(pointer: usize): v128 {
  return f64x2.promote_low_f32x4(v128.load64_zero(pointer));
}

function chunkDot(a: usize, b: usize, n: usize): f64 {
  let even = f64x2.splat(0);
  let odd = f64x2.splat(0);
  const whole = (n & ~3) << 2;
  for (let i: usize = 0; i < whole; i += 16) {
    even = f64x2.add(even, f64x2.mul(low(a + i), low(b + i)));
    odd = f64x2.add(odd, f64x2.mul(low(a + i + 8), low(b + i + 8)));
  }
  const lanes = f64x2.add(even, odd);
  let sum = f64x2.extract_lane(lanes, 0) + f64x2.extract_lane(lanes, 1);
  for (let i = whole; i < n << 2; i += 4) sum += <f64>load<f32>(a + i) * <f64>load<f32>(b + i);
  return sum;
}

function innerProduct(a: usize, b: usize, n: usize): f64 {
  let sum: f64 = 0;
  for (let start: usize = 0; start < n; start += CHUNK) {
    sum += chunkDot(a + (start << 2), b + (start << 2), min(CHUNK, n - start));
  }
  return sum;
}

/** y f32 [1] = Σ a·b */
export function dot(a: usize, b: usize, y: usize, n: usize): void {
  store<f32>(y, <f32>innerProduct(a, b, n));
}

/** y f64 [1] = Σ x²; not finite where any x is not, since float32 squares cannot overflow a double. */
export function sumOfSquares(x: usize, y: usize, n: usize): void {
  store<f64>(y, innerProduct(x, x, n));
}
