// Code limits: canonical Huffman codes found by length, for codes that no look holds and for building the looks.

/** A table begins with its definition, 16 counts of codes by length and up to 256 symbols, … */
const COUNTS: usize = 0;
const SYMBOLS: usize = 16;
/** … then i32 [18]: the first 16-bit look that begins with no code of up to l bits, … */
const LIMITS: usize = 272;
/** … and i32 [18]: symbol index of a code of length l = code + this. */
const INDEX_SHIFTS: usize = 352;

export const DEFINITION_BYTES: usize = LIMITS;
export const LIMITS_END: usize = 448;

/** Bits and symbol that stand for a code which does not exist; the symbol ends a block. */
export const NO_CODE: u32 = 17 << 8;

export function codesOfLength(table: usize, length: usize): u32 {
  return <u32>load<u8>(table + COUNTS + length - 1);
}

export function symbolAt(table: usize, index: usize): u32 {
  return <u32>load<u8>(table + SYMBOLS + index);
}

/** Fills in the limits of a definition; false where a code would be all ones, which the standard forbids. */
export function buildLimits(table: usize): bool {
  let code: i32 = 0;
  let index: i32 = 0;
  for (let l: i32 = 1; l <= 16; l++) {
    const count = <i32>codesOfLength(table, l);
    store<i32>(table + INDEX_SHIFTS + ((<usize>l) << 2), index - code);
    code += count;
    index += count;
    if (count !== 0 && code >= 1 << l) return false;
    store<i32>(table + LIMITS + ((<usize>l) << 2), code << (16 - l));
    code <<= 1;
  }
  return true;
}

/** First 16 bits of the stream → code length << 8 | symbol; NO_CODE where no code begins so. */
export function findCode(table: usize, next16: i32): u32 {
  for (let l: i32 = 1; l <= 16; l++) {
    if (next16 < load<i32>(table + LIMITS + ((<usize>l) << 2))) {
      const index = (next16 >> (16 - l)) + load<i32>(table + INDEX_SHIFTS + ((<usize>l) << 2));
      return ((<u32>l) << 8) | symbolAt(table, <usize>(index & 255));
    }
  }
  return NO_CODE;
}
