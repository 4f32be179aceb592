// Recompute: a stretch of a graph is repeated before its gradients, so that what it made need not be kept till then
// (Chen et al., arXiv 1604.06174). The same operations on the same values give the same bits.

import { VitrineError } from "../errors.js";
import type { Operation } from "./catalog.js";
import type { GraphBuilder } from "./graph.js";
import type { TensorId } from "./tensor.js";

/** Operations `first` … `end` − 1 of a graph. */
export interface Segment {
  first: number;
  end: number;
}

export interface Repeated {
  operations: Operation[];
  /** What a tensor of the stretch is called in the repetition. */
  twins: ReadonlyMap<TensorId, TensorId>;
}

type Operands = Readonly<Record<string, TensorId | undefined>>;

/**
 * Appends the stretch again: it reads the same tensors from outside and makes twins of its own. What of it no gradient
 * reads is dropped when the graph is planned. Throws `graph/recompute` where repeating would change a store twice.
 */
export function repeatSegment(graph: GraphBuilder, stretch: readonly Operation[]): Repeated {
  const twins = new Map<TensorId, TensorId>();
  const twinOf = (id: TensorId): TensorId => {
    const { name, shape, dtype } = graph.tensor(id);
    const twin = graph.activation(`${name} again`, shape, dtype);
    twins.set(id, twin);
    return twin;
  };
  const each = (operands: Operands, change: (id: TensorId) => TensorId): Operands =>
    Object.fromEntries(
      Object.entries(operands).map(([name, id]) => [name, id === undefined ? id : change(id)]),
    );
  const operations = stretch.map((operation): Operation => {
    if (Object.keys(operation.adds).length > 0)
      throw new VitrineError(
        "graph/recompute",
        `${graph.name}: ${operation.type} adds to a store and cannot be repeated: leave recomputation off (--recompute)`,
      );
    const reads = each(operation.reads, (id) => twins.get(id) ?? id);
    // Operands of another name, types and counts as they were.
    return { ...operation, reads, writes: each(operation.writes, twinOf) } as unknown as Operation;
  });
  graph.operations.push(...operations);
  return { operations, twins };
}
