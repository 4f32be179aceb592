// Memory replay: walks a program and tracks which tensor wrote each byte last, to find tensors that a plan corrupts.

import type { Operation } from "../../runtime/graph/catalog.js";
import { tensorsChanged, tensorsRead } from "../../runtime/graph/graph.js";
import type { Placement, Program } from "../../runtime/graph/program.js";
import { type TensorId, tensorBytes } from "../../runtime/graph/tensor.js";

/** Kernels that may write exactly over an operand: they read each value before they overwrite it. */
const MAY_OVERWRITE = new Set([
  "gelu",
  "geluBackward",
  "scaledSum",
  "scaleRows",
  "residual",
  "scaleByScalar",
  "softmax",
  "layerNormBackward",
  "relu",
  "sigmoid",
  "scaleChannels",
  "layerScale",
]);

/** A sentence for every tensor that is read after it was overwritten; empty for a sound plan. */
export function replayMemory(program: Program): string[] {
  const faults: string[] = [];
  const owner = new Map<number, TensorId>();
  const tensor = (id: TensorId) => program.graph.tensors[id];
  const bytesOf = (id: TensorId): number[] => {
    const placement = program.placements.get(id);
    if (!placement) return [];
    return Array.from({ length: tensorBytes(tensor(id)) }, (_, i) => placement.offset + i);
  };
  const own = (id: TensorId) => {
    for (const byte of bytesOf(id)) owner.set(byte, id);
  };
  const expectOwned = (id: TensorId, when: string) => {
    if (bytesOf(id).some((byte) => owner.get(byte) !== id))
      faults.push(`${tensor(id).name} is overwritten ${when}`);
  };
  for (const { id, origin } of program.graph.tensors) {
    if (origin.kind === "input" || origin.kind === "constant") own(id);
  }
  for (const [index, operation] of program.graph.operations.entries()) {
    for (const id of tensorsRead(operation)) expectOwned(id, `before ${operation.type} ${index} reads it`);
    faults.push(...overlaps(program, operation, index));
    for (const id of tensorsChanged(operation)) own(id);
    for (const id of tensorsChanged(operation))
      expectOwned(id, `by another result of ${operation.type} ${index}`);
  }
  for (const [name, id] of program.graph.outputs) expectOwned(id, `before output ${name} is taken`);
  return faults;
}

/** Results that overlap an operand of the same operation although its kernel does not allow it. */
function overlaps(program: Program, operation: Operation, index: number): string[] {
  const faults: string[] = [];
  for (const result of tensorsChanged(operation)) {
    for (const operand of tensorsRead(operation)) {
      const [a, b] = [program.placements.get(result), program.placements.get(operand)];
      if (result === operand || !a || !b || !touch(a, b)) continue;
      if (MAY_OVERWRITE.has(operation.type) && a.offset === b.offset) continue;
      faults.push(`${operation.type} ${index} writes ${result} over its operand ${operand}`);
    }
  }
  return faults;
}

function touch(a: Placement, b: Placement): boolean {
  return a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}

/** The peak of bytes in use: no plan can use less. Tensors that may share memory are counted separately. */
export function liveBytes(program: Program): number {
  const first = new Map<TensorId, number>();
  const last = new Map<TensorId, number>();
  const see = (id: TensorId, at: number) => {
    if (!program.placements.has(id)) return;
    if (!first.has(id)) first.set(id, program.graph.tensors[id]?.origin.kind === "activation" ? at : -1);
    last.set(id, at);
  };
  const { operations } = program.graph;
  operations.forEach((operation, at) => {
    for (const id of [...tensorsRead(operation), ...tensorsChanged(operation)]) see(id, at);
  });
  for (const id of program.graph.outputs.values()) see(id, operations.length);
  let peak = 0;
  for (let at = 0; at <= operations.length; at++) {
    let sum = 0;
    for (const [id, start] of first) {
      if (start <= at && at <= (last.get(id) as number)) sum += tensorBytes(program.graph.tensors[id]);
    }
    peak = Math.max(peak, sum);
  }
  return peak;
}
