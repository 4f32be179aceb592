// Instruction words: reading the operands of the instruction at an address. instructions.mjs defines which word is
// which.

/** Opcode and number of words. */
export const HEADER_BYTES: usize = 8;

/** Operand i: an address or a size. */
export function word(at: usize, i: usize): usize {
  if (!ASC_NO_ASSERT) assert(<u32>i + 2 < load<u32>(at + 4), "an operand beyond the end of its instruction");
  return <usize>load<u32>(wordAddress(at, i));
}

/** Operand i as a float32. */
export function number(at: usize, i: usize): f32 {
  return load<f32>(wordAddress(at, i));
}

/** Address of operand i. */
export function wordAddress(at: usize, i: usize): usize {
  return at + HEADER_BYTES + (i << 2);
}

/** An address moved by `bytes`; an absent operand stays absent. */
export function moved(address: usize, bytes: usize): usize {
  return address ? address + bytes : 0;
}

/** The instruction after this one. */
export function next(at: usize): usize {
  return at + ((<usize>load<u32>(at + 4)) << 2);
}
