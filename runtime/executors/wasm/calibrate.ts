// Calibration: finds the register block of the matrix product that this engine compiles best.
//
// GFLOP/s of the relaxed build, one thread of an Intel Xeon with AVX-512 (bench/kernels.ts prints them for any
// machine):
//
//              4×8   6×8   4×16   6×16
//   Node 20     54    65     49     48    128-bit registers hold 6 × 8; more sums are spilled
//   Node 22     52    64     51     48
//   Node 24     64    86    100    117    neighboring vectors joined to 256 bits
//
// On other machines Node 20 spilled 6 × 8 too (28 where 4 × 8 reached 54), and a CPU with 32 registers could run 6 × 8
// well: so it is measured. The bits of a result do not depend on the choice.

import { Activation } from "../../../assembly/nn/linear-forms.js";
import type { CalibratedBlock } from "../executor.js";
import { BytecodeWriter } from "./bytecode-writer.js";
import type { LinearMemory } from "./linear-memory.js";
import { BLOCKS } from "./time-blocks.js";

/** A block must be this much faster than the safe one, so that noise alone does not choose it. */
const MARGIN = 0.97;
/** A product of half a millisecond: browsers round their clocks to a tenth of one. */
const SIZE = { rows: 384, depth: 192, columns: 192 };
const FLOPS = 2 * SIZE.rows * SIZE.depth * SIZE.columns;

/** Measurements of this process, by build: other executors reuse them. */
const measured = new Map<string, readonly CalibratedBlock[]>();

/**
 * Times every block by `time`, the milliseconds of bytecode with each of BLOCKS, and returns all with the choice. Takes
 * 40 ms, more on a busy machine; done once per process for each `build`.
 */
export async function calibrate(
  memory: LinearMemory,
  build: string,
  time: (bytecode: number) => Promise<readonly number[]>,
): Promise<readonly CalibratedBlock[]> {
  const table = measured.get(build) ?? (await measure(memory, time));
  measured.set(build, table);
  return table;
}

export function chosenBlock(table: readonly CalibratedBlock[]): CalibratedBlock {
  return table.find(({ chosen }) => chosen) as CalibratedBlock;
}

async function measure(
  memory: LinearMemory,
  time: (bytecode: number) => Promise<readonly number[]>,
): Promise<readonly CalibratedBlock[]> {
  const { rows, depth, columns } = SIZE;
  const counts = [rows * depth, columns * depth, rows * columns];
  const piece = memory.allocate(4 * (counts.reduce((a, b) => a + b) + 16), "calibration");
  const x = piece.address + 64;
  const weight = x + 4 * rows * depth;
  const y = weight + 4 * columns * depth;
  const bytecode = new BytecodeWriter();
  const activation = Activation.None;
  bytecode.write("linear", { x, weight, y, m: rows, k: depth, n: columns, activation });
  const words = bytecode.finish();
  memory.words(piece.address, words.length).set(words);
  const best = await time(piece.address);
  memory.release(piece);

  const safe = best[0];
  const fastest = Math.min(...best);
  const choice = fastest < safe * MARGIN ? best.indexOf(fastest) : 0;
  return BLOCKS.map((block, i) => ({
    ...block,
    gigaflops: FLOPS / best[i] / 1e6,
    chosen: i === choice,
  }));
}
