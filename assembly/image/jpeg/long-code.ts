// Long code: what a decoder does where a look does not hold the next code.

import { findCode, NO_CODE } from "./code-limits";

/** A code that no table has was met since it was cleared. */
export let metBadCode: bool = false;

export function clearBadCode(): void {
  metBadCode = false;
}

/** Length << 8 | symbol of the code on top of `bits`; one that does not exist counts as 17 bits and symbol 0. */
export function longCode(table: usize, bits: u64): u32 {
  const found = findCode(table, <i32>(bits >> 48));
  if (found === NO_CODE) metBadCode = true;
  return found;
}
