// Time blocks: how long a product takes with each register block, on the thread that runs this.

/** The first is never spilled. */
export const BLOCKS = [
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

/** The module of the calling thread. */
export interface TimedKernels {
  run(bytecode: number): number;
  setBlock(rows: number, columns: number): void;
}

/** Milliseconds of the bytecode with each block of BLOCKS, the best of many. */
export function timeBlocks(kernels: TimedKernels, bytecode: number): number[] {
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
