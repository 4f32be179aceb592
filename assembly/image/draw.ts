// Draw: random numbers and elementary functions whose bits are the same on every engine.
//
// The generator is Philox4x32-10, the counter-based one of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"
// (2011): a block of four words is a pure function of a 128-bit counter and a 64-bit key, so there is no state to carry
// and any segment of a stream can be made without the part before it. Logarithm, exponential, power, sine and cosine
// are AssemblyScript's own, compiled to WebAssembly, where every operation is exactly rounded; the host's Math.log,
// exp, pow, sin and cos differ between engines in their last bit.

const MULTIPLIER_0: u64 = 0xd2511f53;
const MULTIPLIER_1: u64 = 0xcd9e8d57;
/** Key increments: the golden ratio and √3 − 1, as fractions of 2³². */
const WEYL_0: u32 = 0x9e3779b9;
const WEYL_1: u32 = 0xbb67ae85;
const ROUNDS: i32 = 10;

/** The four words of the last block. */
const words: usize = memory.data(16, 16);

/** Address of the u32 [4] that `philox` writes. */
export function philoxWords(): usize {
  return words;
}

/** Counter c0…c3 and key k0, k1 → the four words at `philoxWords`. */
export function philox(c0: u32, c1: u32, c2: u32, c3: u32, k0: u32, k1: u32): void {
  for (let round = 0; round < ROUNDS; round++) {
    const product0 = MULTIPLIER_0 * <u64>c0;
    const product1 = MULTIPLIER_1 * <u64>c2;
    c0 = <u32>(product1 >> 32) ^ c1 ^ k0;
    c1 = <u32>product1;
    c2 = <u32>(product0 >> 32) ^ c3 ^ k1;
    c3 = <u32>product0;
    k0 += WEYL_0;
    k1 += WEYL_1;
  }
  store<u32>(words, c0);
  store<u32>(words, c1, 4);
  store<u32>(words, c2, 8);
  store<u32>(words, c3, 12);
}

/** A double in [0, 1) with 53 bits from the first two words of the last block, or, with `second`, the other two. */
function uniform53(second: bool): f64 {
  const high = load<u32>(words + (second ? 8 : 0));
  const low = load<u32>(words + (second ? 12 : 4));
  return (<f64>(high >>> 5) * 67108864.0 + <f64>(low >>> 6)) * (1.0 / 9007199254740992.0);
}

/** The pair of the last `drawNormalPair`. */
let first: f64 = 0;
let second: f64 = 0;

/** Box–Muller transform of the block's two 53-bit uniforms; |z| stays below 8.6. */
export function drawNormalPair(block: u32, index: u32, epoch: u32, tag: u32, k0: u32, k1: u32): void {
  philox(block, index, epoch, tag, k0, k1);
  // 1 − u is in (0, 1], so that the logarithm is finite.
  const radius = Math.sqrt(-2.0 * NativeMath.log(1.0 - uniform53(false)));
  const angle = 2.0 * NativeMath.PI * uniform53(true);
  first = radius * NativeMath.cos(angle);
  second = radius * NativeMath.sin(angle);
}

export function firstNormal(): f64 {
  return first;
}

export function secondNormal(): f64 {
  return second;
}

/** Values in the buffer that the host copies bulk draws from: weight initialization and dropout take many. */
const BUFFER_VALUES: i32 = 4096;
const buffer: usize = memory.data(BUFFER_VALUES * 4, 16);

/** Address of the f32 [4096] that `fillNormals` and `fillUniforms` write. */
export function drawBuffer(): usize {
  return buffer;
}

export function drawBufferValues(): i32 {
  return BUFFER_VALUES;
}

/**
 * N(0, 1) as f32 [count ≤ 4096] into the buffer. Block n of a stream gives its values 2n and 2n + 1; the first here is
 * that of `block`. An odd count drops the last block's second value.
 */
export function fillNormals(
  block: u32,
  index: u32,
  epoch: u32,
  tag: u32,
  k0: u32,
  k1: u32,
  count: i32,
): void {
  for (let i = 0; i < count; i += 2) {
    drawNormalPair(block++, index, epoch, tag, k0, k1);
    store<f32>(buffer + ((<usize>i) << 2), <f32>first);
    if (i + 1 < count) store<f32>(buffer + ((<usize>i) << 2), <f32>second, 4);
  }
}

/** U[0, 1) with 24 bits as f32 [count ≤ 4096] into the buffer, two values per block as in `fillNormals`. */
export function fillUniforms(
  block: u32,
  index: u32,
  epoch: u32,
  tag: u32,
  k0: u32,
  k1: u32,
  count: i32,
): void {
  for (let i = 0; i < count; i += 2) {
    philox(block++, index, epoch, tag, k0, k1);
    // Truncated to 24 bits before the conversion: rounding 53 bits to f32 could give 1.
    store<f32>(buffer + ((<usize>i) << 2), <f32>(Math.floor(uniform53(false) * 16777216.0) / 16777216.0));
    if (i + 1 < count)
      store<f32>(buffer + ((<usize>i) << 2), <f32>(Math.floor(uniform53(true) * 16777216.0) / 16777216.0), 4);
  }
}

export function logarithm(x: f64): f64 {
  return NativeMath.log(x);
}

export function exponential(x: f64): f64 {
  return NativeMath.exp(x);
}

export function power(base: f64, exponent: f64): f64 {
  return NativeMath.pow(base, exponent);
}

export function sine(x: f64): f64 {
  return NativeMath.sin(x);
}

export function cosine(x: f64): f64 {
  return NativeMath.cos(x);
}
