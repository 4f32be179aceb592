// The module of kernels for one thread: runs tapes. Memory is imported; heapBase() is the first byte of the caller's.

import { setBlock as setGemmBlock } from "./block-product";
import { run as runTape } from "./tape";

/** Runs the tape at this address (opcodes.ts) up to Halt: 0, or the place of the first unknown instruction. */
export function run(tape: u32): i32 {
  return runTape(<usize>tape);
}

/** Below it lie the module's constants and the scratch of its kernels. */
export function heapBase(): u32 {
  return <u32>__heap_base;
}

/** The matrix product's register block, 1 to 6 rows × 8 or 16 columns: changes the speed, and no bit. */
export function setBlock(rows: u32, columns: u32): void {
  setGemmBlock(rows, columns);
}
