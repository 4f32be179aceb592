// Calibration: finds the register block of the matrix product that this engine compiles best.
//
// Measured on a Zen 5 machine, GFLOP/s of the relaxed build with 4 and 6 rows: Node 20 54 and 28, Node 22 54 and 28, Node
// 24 55 and 58. An engine that spills the larger block loses half the speed, so four rows stay unless six are faster here.
// Whatever is chosen, the bits of a result are the same.

import { Activation, Opcode } from "../../../assembly/nn/opcodes.js";
import type { LinearMemory } from "./linear-memory.js";
import { TapeWriter } from "./tape-writer.js";

export interface Calibrated {
  memory: LinearMemory;
  run(tape: number): number;
  setStrip(rows: number): void;
}

const SAFE_ROWS = 4;
const LARGE_ROWS = 6;
/** Long enough for the engine's optimising compiler to replace the first code of both blocks. */
const BUDGET_MS = 40;
/** On a busy machine 40 ms may hold a single undisturbed call, or none: a wrong choice halves the speed of a whole run. */
const LEAST_TRIES = 16;
/** Six rows must be this much faster, so that noise alone does not choose them. */
const MARGIN = 0.97;
/** A product of a millisecond: browsers round their clocks to a tenth of that. */
const SIZE = { rows: 720, depth: 192, columns: 192 };

/** Chooses the rows and returns them. Takes 40 ms, more on a busy machine, once per module. */
export function calibrate(kernels: Calibrated): number {
  const { rows, depth, columns } = SIZE;
  const counts = [rows * depth, columns * depth, rows * columns];
  const piece = kernels.memory.allocate(4 * (counts.reduce((a, b) => a + b) + 16), "calibration");
  const x = piece.address + 64;
  const weight = x + 4 * rows * depth;
  const y = weight + 4 * columns * depth;
  const writer = new TapeWriter();
  writer.instruction(Opcode.Linear, x, weight, 0, 0, y, rows, depth, columns, Activation.None);
  const words = writer.finish(Opcode.Halt);
  kernels.memory.words(piece.address, words.length).set(words);

  const best = new Map([SAFE_ROWS, LARGE_ROWS].map((count) => [count, Number.POSITIVE_INFINITY]));
  const deadline = performance.now() + BUDGET_MS;
  let tries = 0;
  do {
    tries += 1;
    for (const [count, fastest] of best) {
      kernels.setStrip(count);
      const start = performance.now();
      kernels.run(piece.address);
      best.set(count, Math.min(fastest, performance.now() - start));
    }
  } while (tries < LEAST_TRIES || performance.now() < deadline);
  kernels.memory.release(piece);

  const [safe, large] = [best.get(SAFE_ROWS), best.get(LARGE_ROWS)] as [number, number];
  const chosen = large < safe * MARGIN ? LARGE_ROWS : SAFE_ROWS;
  kernels.setStrip(chosen);
  return chosen;
}
