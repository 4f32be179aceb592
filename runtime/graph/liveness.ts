// Liveness: which operations contribute to a result, and which of their results are read.

import type { Operation } from "./catalog.js";
import { tensorsChanged, tensorsRead } from "./graph.js";
import type { Graph } from "./program.js";
import type { TensorId } from "./tensor.js";

/**
 * The operations that an output or a store depends on, in their order. Optional results that nothing reads are removed:
 * means and deviations of layer norms, attention weights.
 */
export function liveOperations(graph: Graph): Operation[] {
  const needed = new Set<TensorId>(graph.outputs.values());
  const isStored = (id: TensorId) => graph.tensors[id]?.origin.kind === "store";
  const live: Operation[] = [];
  for (const operation of [...graph.operations].reverse()) {
    if (!tensorsChanged(operation).some((id) => needed.has(id) || isStored(id))) continue;
    live.push(withoutUnread(operation, needed));
    for (const id of tensorsRead(operation)) needed.add(id);
  }
  return live.reverse();
}

function withoutUnread(operation: Operation, needed: ReadonlySet<TensorId>): Operation {
  if (operation.type === "layerNorm") {
    const { y, mean, rstd } = operation.writes;
    const read = [mean, rstd].some((id) => id !== undefined && needed.has(id));
    return { ...operation, writes: read ? operation.writes : { y } };
  }
  if (operation.type === "attention") {
    const { out, probabilities, logSumExp } = operation.writes;
    const read = (id: TensorId | undefined) => (id !== undefined && needed.has(id) ? id : undefined);
    return {
      ...operation,
      writes: { out, probabilities: read(probabilities), logSumExp: read(logSumExp) },
    };
  }
  return operation;
}

/** Tensor → how many operands of operations read it. */
export function countReaders(operations: readonly Operation[]): Map<TensorId, number> {
  const readers = new Map<TensorId, number>();
  for (const operation of operations) {
    for (const id of tensorsRead(operation)) readers.set(id, (readers.get(id) ?? 0) + 1);
  }
  return readers;
}
