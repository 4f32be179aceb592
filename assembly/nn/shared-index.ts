// The module of kernels for a pool of threads: the exports of index.ts and those of the pool. Memory is imported and
// shared.

import { begin as beginRun, CONTROL_BYTES, positionIn as positionOfRun, work as workOn } from "./pool";
import { SCRATCH_BYTES, setScratchAddress } from "./scratch";

export { heapBase, run, setBlock } from "./index";

/** Bytes of a pool's control block, at a multiple of 64. */
export function controlBytes(): u32 {
  return <u32>CONTROL_BYTES;
}

/** Bytes of scratch that each thread but one needs for itself, at a multiple of 64. */
export function scratchBytes(): u32 {
  return <u32>SCRATCH_BYTES;
}

/** Gives this instance its own scratch memory. */
export function setScratch(address: u32): void {
  setScratchAddress(<usize>address);
}

/**
 * Passes the bytecode to the threads that are in `work` and returns; the last of them calls env.finished. No other run
 * may be in progress.
 */
export function begin(control: u32, bytecode: u32, parts: u32): void {
  beginRun(<usize>control, <usize>bytecode, parts);
}

/** Position of the instruction that the threads compute, 1 for the first; of a run in progress. */
export function positionIn(control: u32): u32 {
  return positionOfRun(<usize>control);
}

/** A thread's main loop: never returns. */
export function work(control: u32): void {
  workOn(<usize>control);
}
