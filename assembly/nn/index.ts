// The module of kernels for one thread: runs tapes. Memory is imported; heapBase() is the first byte of the caller's.

import { setStrip as setGemmStrip } from "./gemm";
import { run as runTape } from "./tape";

/** Runs the tape at this address (opcodes.ts) up to Halt: 0, or the place of the first unknown instruction. */
export function run(tape: u32): i32 {
  return runTape(<usize>tape);
}

/** Below it lie the module's constants and the scratch of its kernels. */
export function heapBase(): u32 {
  return <u32>__heap_base;
}

/** Rows of the matrix product's register block, 1 to 6: changes the speed, and no bit. */
export function setStrip(rows: u32): void {
  setGemmStrip(rows);
}
