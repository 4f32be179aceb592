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

export interface Calibrated {
  memory: LinearMemory;
  run(bytecode: number): number;
  setBlock(rows: number, columns: number): void;
}

/** The first is never spilled. */
const BLOCKS = [
  { rows: 4, columns: 8 },
  { rows: 6, columns: 8 },
  { rows: 4, columns: 16 },
  { rows: 6, columns: 16 },
] as const;
/** Long enough for the engine's optimizing compiler to replace the baseline code of every block. */
const BUDGET_MS = 40;
/**
 * On a busy machine 40 ms may contain one undisturbed call, or none: a wrong choice halves the speed of a whole run.
 */
const MIN_TRIES = 16;
/** A block must be this much faster than the safe one, so that noise alone does not choose it. */
const MARGIN = 0.97;
/** A product of half a millisecond: browsers round their clocks to a tenth of one. */
const SIZE = { rows: 384, depth: 192, columns: 192 };
const FLOPS = 2 * SIZE.rows * SIZE.depth * SIZE.columns;

/** Measurements of this process, by build: other executors reuse them. */
const measured = new Map<string, readonly CalibratedBlock[]>();

/**
 * Measures every block, sets the best one in the module, and returns all. Takes 40 ms, more on a busy machine; done
 * once per process for each `build`.
 */
export function calibrate(kernels: Calibrated, build: string): readonly CalibratedBlock[] {
  const table = measured.get(build) ?? measure(kernels);
  measured.set(build, table);
  const { rows, columns } = chosenBlock(table);
  kernels.setBlock(rows, columns);
  return table;
}

export function chosenBlock(table: readonly CalibratedBlock[]): CalibratedBlock {
  return table.find(({ chosen }) => chosen) as CalibratedBlock;
}

function measure(kernels: Calibrated): readonly CalibratedBlock[] {
  const { rows, depth, columns } = SIZE;
  const counts = [rows * depth, columns * depth, rows * columns];
  const piece = kernels.memory.allocate(4 * (counts.reduce((a, b) => a + b) + 16), "calibration");
  const x = piece.address + 64;
  const weight = x + 4 * rows * depth;
  const y = weight + 4 * columns * depth;
  const bytecode = new BytecodeWriter();
  const activation = Activation.None;
  bytecode.write("linear", { x, weight, y, m: rows, k: depth, n: columns, activation });
  const words = bytecode.finish();
  kernels.memory.words(piece.address, words.length).set(words);
  const best = bestTimes(kernels, piece.address);
  kernels.memory.release(piece);

  const safe = best[0];
  const fastest = Math.min(...best);
  const choice = fastest < safe * MARGIN ? best.indexOf(fastest) : 0;
  return BLOCKS.map((block, i) => ({
    ...block,
    gigaflops: FLOPS / best[i] / 1e6,
    chosen: i === choice,
  }));
}

/** Milliseconds of the product with each block. */
function bestTimes(kernels: Calibrated, bytecode: number): number[] {
  const best = BLOCKS.map(() => Number.POSITIVE_INFINITY);
  const deadline = performance.now() + BUDGET_MS;
  let tries = 0;
  do {
    tries += 1;
    for (const [i, { rows, columns }] of BLOCKS.entries()) {
      kernels.setBlock(rows, columns);
      const start = performance.now();
      kernels.run(bytecode);
      best[i] = Math.min(best[i], performance.now() - start);
    }
  } while (tries < MIN_TRIES || performance.now() < deadline);
  return best;
}
