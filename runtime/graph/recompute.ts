// Recompute: a segment of a graph is repeated before its gradients, so that its tensors need not be kept until then
// (Chen et al., arXiv 1604.06174). The same operations on the same values give the same bits.

import { VitrineError } from "../errors.js";
import type { Operation } from "./catalog.js";
import type { GraphBuilder } from "./graph.js";
import type { TensorId } from "./tensor.js";

export interface Repeated {
  operations: Operation[];
  /** Tensor of the segment → its copy in the repetition. */
  copies: ReadonlyMap<TensorId, TensorId>;
}

type Operands = Readonly<Record<string, TensorId | undefined>>;

/**
 * Appends the segment again: it reads the same tensors from outside and makes copies of its own. The planner drops the
 * part that no gradient reads. Batch norm moves its running statistics only the first time. Throws `graph/recompute`
 * where repeating would change a store twice.
 */
export function repeatSegment(graph: GraphBuilder, segment: readonly Operation[]): Repeated {
  const copies = new Map<TensorId, TensorId>();
  const copyOf = (id: TensorId): TensorId => {
    const { name, shape, dtype } = graph.tensor(id);
    const copy = graph.activation(`${name} again`, shape, dtype);
    copies.set(id, copy);
    return copy;
  };
  const each = (operands: Operands, change: (id: TensorId) => TensorId): Operands =>
    Object.fromEntries(
      Object.entries(operands).map(([name, id]) => [name, id === undefined ? id : change(id)]),
    );
  const operations = segment.map((operation): Operation => {
    // Batch norm's running statistics have moved toward this batch already.
    const adds = operation.type === "batchNorm" ? {} : operation.adds;
    if (Object.keys(adds).length > 0)
      throw new VitrineError(
        "graph/recompute",
        `${graph.name}: ${operation.type} adds to a store and cannot be repeated: leave recomputation off (--recompute)`,
      );
    const reads = each(operation.reads, (id) => copies.get(id) ?? id);
    // Only the ids of the operands differ; their types and counts are unchanged.
    return { ...operation, reads, writes: each(operation.writes, copyOf), adds } as unknown as Operation;
  });
  graph.operations.push(...operations);
  return { operations, copies };
}
