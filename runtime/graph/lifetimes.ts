// Lifetimes: the first and last operation that use a tensor's memory, and which tensors may share memory.

import type { Operation } from "./catalog.js";
import { inPlaceOperands } from "./facts.js";
import { tensorsChanged, tensorsRead } from "./graph.js";
import type { Graph, RowSpan } from "./program.js";
import { type TensorId, tensorBytes } from "./tensor.js";

/** Memory of one tensor or, in turn, of several of equal size. */
export interface Block {
  tensors: TensorId[];
  bytes: number;
  /** First and last operation that uses it, both included; −1 = before the first, n = after the last. */
  start: number;
  end: number;
}

/**
 * Blocks for every tensor that needs memory: activations, inputs and constants that some operation reads. Outputs are
 * live after the last operation, inputs and constants before the first. The tensors of a span are live as long as the
 * span: its first rows pass through all operations before its last rows start.
 */
export function memoryBlocks(
  graph: Graph,
  operations: readonly Operation[],
  spans: readonly RowSpan[] = [],
): Block[] {
  const blocks = new Map<TensorId, Block>();
  const touch = (id: TensorId, index: number) => {
    const tensor = graph.tensors[id];
    if (!tensor || tensor.origin.kind === "store") return;
    const known = blocks.get(id);
    if (known) known.end = index;
    else {
      const start = tensor.origin.kind === "activation" ? index : -1;
      blocks.set(id, { tensors: [id], bytes: tensorBytes(tensor), start, end: index });
    }
  };
  operations.forEach((operation, index) => {
    for (const id of [...tensorsRead(operation), ...tensorsChanged(operation)]) touch(id, index);
  });
  for (const id of graph.outputs.values()) touch(id, operations.length);
  operations.forEach((operation, index) => {
    joinInPlace(blocks, operation, index);
  });
  const all = [...new Set(blocks.values())];
  for (const block of all) {
    for (const { first, last } of spans) {
      if (block.start >= first && block.start <= last) block.start = first;
      if (block.end >= first && block.end <= last) block.end = last;
    }
  }
  return all;
}

/** Places each result of `operation` over an operand of the same size whose lifetime ends there, if there is one. */
function joinInPlace(blocks: Map<TensorId, Block>, operation: Operation, index: number): void {
  const reads: Readonly<Record<string, TensorId | undefined>> = operation.reads;
  const writes: Readonly<Record<string, TensorId | undefined>> = operation.writes;
  for (const [result, operands] of inPlaceOperands(operation)) {
    const after = blocks.get(writes[result] ?? -1);
    if (!after || after.start !== index) continue;
    const before = operands
      .map((operand) => blocks.get(reads[operand] ?? -1))
      .find((block) => block && block !== after && block.end === index && block.bytes === after.bytes);
    if (!before) continue;
    before.tensors.push(...after.tensors);
    before.end = after.end;
    for (const tensor of after.tensors) blocks.set(tensor, before);
  }
}
