// The module of kernels for one thread: runs bytecode (instructions.mjs). Memory is imported: `env.memory`, at least 32
// pages, at most 65,536. Below heapBase() are the module's constants and 1.2 MiB of scratch, so an instance runs one
// program at a time. Nothing is allocated.

import { setBlock as setGemmBlock } from "./block-product";
import { execute, phasesOf } from "./generated/execute";
import { Opcode } from "./generated/opcodes";
import { next } from "./instruction-words";
import { setPart } from "./partition";

/**
 * Runs the bytecode at this address up to Halt: 0, or the position (1 = first) of an unknown instruction, at which it
 * stops.
 */
export function run(bytecode: u32): i32 {
  let at = <usize>bytecode;
  let position: i32 = 1;
  setPart(0, 1);
  while (load<u32>(at) !== Opcode.Halt) {
    const phases = phasesOf(at);
    for (let phase: u32 = 0; phase < phases; phase++) if (!execute(at, phase)) return position;
    position++;
    at = next(at);
  }
  return 0;
}

/** First byte that belongs to the caller. */
export function heapBase(): u32 {
  return <u32>__heap_base;
}

/** Sets the matrix product's register block, 1 to 6 rows × 8 or 16 columns: changes the speed but no bit. */
export function setBlock(rows: u32, columns: u32): void {
  setGemmBlock(rows, columns);
}
