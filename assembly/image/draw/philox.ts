// Philox4x32-10: the counter-based generator of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).
// A block of four words is a pure function of a 128-bit counter and a 64-bit key; there is no state to carry.

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
export function uniform53(second: bool): f64 {
  const high = load<u32>(words + (second ? 8 : 0));
  const low = load<u32>(words + (second ? 12 : 4));
  return (<f64>(high >>> 5) * 67108864.0 + <f64>(low >>> 6)) * (1.0 / 9007199254740992.0);
}
