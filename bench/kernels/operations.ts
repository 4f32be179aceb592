// Operations: the time of each operation of a forward pass and of a training step, instruction by instruction.
//
// A program's bytecode is split: every instruction becomes bytecode of its own, and a pass runs all of them in order, so
// that each finds the caches as the previous one leaves them. An instruction's time is the best of the passes, without the
// overhead of a thread pool or the host. Row spans (rows that an executor takes through several operations together) are
// split too; the time of the whole bytecode is reported next to the sum.

import { Opcode } from "../../assembly/nn/generated/opcodes.js";
import { encodePacking, encodeProgram } from "../../runtime/executors/wasm/encode.js";
import type { Kernels } from "../../runtime/executors/wasm/kernels.js";
import type { Piece } from "../../runtime/executors/wasm/linear-memory.js";
import { Mutex } from "../../runtime/executors/wasm/mutex.js";
import { Operands } from "../../runtime/executors/wasm/operands.js";
import { PackedWeights } from "../../runtime/executors/wasm/packed-weights.js";
import { WasmStore } from "../../runtime/executors/wasm/store.js";
import type { Program } from "../../runtime/graph/program.js";
import { tensorBytes } from "../../runtime/graph/tensor.js";

export interface OperationTime {
  /** As assembly/nn/instructions.mjs names it. */
  operation: string;
  /** Rows × depth × columns of a product; batch × tokens, heads × width of attention. */
  shape: string;
  count: number;
  /** Best time of all of them together. */
  ms: number;
  /** Fraction of the program. */
  share: number;
  /** Of products and attention. */
  gigaflops?: number;
  /** Of the 128-bit peak. */
  peakShare?: number;
}

export interface Instruction {
  opcode: Opcode;
  operands: readonly number[];
}

/** Splits bytecode into its instructions, without Halt. */
export function instructionsOf(words: Uint32Array): Instruction[] {
  const instructions: Instruction[] = [];
  for (let at = 0; words[at] !== Opcode.Halt; at += words[at + 1]) {
    const end = at + words[at + 1];
    instructions.push({ opcode: words[at] as Opcode, operands: [...words.subarray(at + 2, end)] });
  }
  return instructions;
}

interface Measure {
  shape: string;
  flops: number;
}

/** Arithmetic of an instruction; empty for those that are bound by memory. */
export function measureOf({ opcode, operands }: Instruction): Measure {
  const from = (first: number) => operands.slice(first);
  const product = ([m, k, n]: readonly number[]): Measure => ({
    shape: `${m}×${k}×${n}`,
    flops: 2 * m * k * n,
  });
  const attention = ([batch, tokens, heads, size]: readonly number[], products: number) => ({
    shape: `${batch}×${tokens}, ${heads}×${size}`,
    flops: 2 * products * batch * heads * tokens * tokens * size,
  });
  switch (opcode) {
    case Opcode.Linear:
    case Opcode.LinearPacked:
      return product(from(5));
    case Opcode.LinearInputGradient:
      return product(from(3));
    case Opcode.LinearWeightGradient:
      return product(from(4));
    case Opcode.Attention:
      return attention(from(4), 2);
    case Opcode.AttentionBackward:
      return attention(from(5), 6);
  }
  return { shape: "", flops: 0 };
}

/** Fills the arena and the stores with ordinary numbers, so that no kernel computes with denormals. */
function fill(values: Float32Array): void {
  for (let i = 0; i < values.length; i++) values[i] = 0.05 * (((i * 0.618_033_988_75) % 1) - 0.5);
}

export interface TimedProgram {
  /** Slowest first. */
  operations: OperationTime[];
  /** Best time of the whole bytecode as an executor runs it on one thread. */
  wholeMs: number;
}

export interface TimeOptions {
  passes: number;
  /** GFLOP/s of 128-bit operations. */
  peak: number | undefined;
  /** The weights are frozen, as in inference: they are packed into panels beforehand. */
  frozenWeights: boolean;
}

/** Times every operation of `program`. `stores`: name → number of values of each of its tensors. */
export function timeOperations(
  kernels: Kernels,
  program: Program,
  stores: ReadonlyMap<string, ReadonlyMap<string, number>>,
  { passes, peak, frozenWeights }: TimeOptions,
): TimedProgram {
  const { memory } = kernels;
  const mutex = new Mutex();
  const opened = new Map([...stores].map(([name, layout]) => [name, new WasmStore(memory, mutex, layout)]));
  for (const [name, layout] of stores)
    for (const tensor of layout.keys()) {
      const { address, count } = (opened.get(name) as WasmStore).run(tensor, tensor);
      fill(memory.floats(address, count));
    }
  const arena = memory.allocate(program.arenaBytes, "the bench");
  const packed = frozenWeights ? new PackedWeights(program, opened) : undefined;
  const operands = new Operands(program, opened, arena.address, packed);
  for (const [id, { offset }] of program.placements) {
    const tensor = program.graph.tensors[id];
    if (tensor && tensor.dtype === "float32")
      fill(memory.floats(arena.address + offset, tensorBytes(tensor) / 4));
  }
  const place = (words: ArrayLike<number>): Piece => {
    const piece = memory.allocate(4 * words.length, "the bench");
    memory.words(piece.address, words.length).set(words);
    return piece;
  };
  const packing = place(encodePacking(packed?.stale ?? []));
  kernels.runHere(packing.address);
  const whole = place(encodeProgram(program, operands).words);
  const instructions = instructionsOf(encodeProgram({ ...program, spans: [] }, operands).words);
  const single = instructions.map(({ opcode, operands }) =>
    place([opcode, operands.length + 2, ...operands, Opcode.Halt, 2]),
  );
  let wholeMs = Number.POSITIVE_INFINITY;
  const best = single.map(() => Number.POSITIVE_INFINITY);
  // Pass 0 is not counted: the optimizing compiler replaces the code of the first tier during it.
  for (let pass = 0; pass <= passes; pass++) {
    for (const [i, { address }] of single.entries()) {
      const start = performance.now();
      kernels.runHere(address);
      if (pass > 0) best[i] = Math.min(best[i], performance.now() - start);
    }
    const start = performance.now();
    kernels.runHere(whole.address);
    if (pass > 0) wholeMs = Math.min(wholeMs, performance.now() - start);
  }
  for (const piece of [...single, whole, packing, arena]) memory.release(piece);
  for (const store of opened.values()) store.dispose();
  return { operations: summarize(instructions, best, peak), wholeMs };
}

function summarize(
  instructions: readonly Instruction[],
  ms: readonly number[],
  peak: number | undefined,
): OperationTime[] {
  const whole = ms.reduce((sum, time) => sum + time, 0);
  const rows = new Map<string, OperationTime & { flops: number }>();
  for (const [i, instruction] of instructions.entries()) {
    const operation = Opcode[instruction.opcode] ?? `opcode ${instruction.opcode}`;
    const { shape, flops } = measureOf(instruction);
    const key = `${operation} ${shape}`;
    const row = rows.get(key) ?? { operation, shape, count: 0, ms: 0, share: 0, flops: 0 };
    row.count += 1;
    row.ms += ms[i];
    row.flops += flops;
    rows.set(key, row);
  }
  return [...rows.values()]
    .sort((a, b) => b.ms - a.ms)
    .map(({ flops, ...row }) => {
      const gigaflops = flops / row.ms / 1e6;
      const rate = flops > 0 ? { gigaflops, ...(peak && { peakShare: gigaflops / peak }) } : {};
      return { ...row, share: row.ms / whole, ...rate };
    });
}
