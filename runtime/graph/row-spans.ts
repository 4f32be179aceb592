// Row spans: consecutive operations that work row by row on the same rows. An executor may take some rows through all
// of them before the next rows, so that their values stay in a cache and its threads synchronize once per span.

import type { Operation, OperationOf } from "./catalog.js";
import type { Graph, RowSpan } from "./program.js";
import type { TensorId } from "./tensor.js";
import { elementCount } from "./tensor.js";

/** Operations where row i of the result depends only on row i of the operands. */
export type RowOperation = OperationOf<"layerNorm"> | OperationOf<"linear">;

/** Fewer rows do not occupy several threads: such operations are better divided by columns. */
const MIN_ROWS = 64;

function isRowOperation(operation: Operation): operation is RowOperation {
  return operation.type === "layerNorm" || operation.type === "linear";
}

/** The longest spans of at least two operations, in order. */
export function rowSpans(graph: Graph, operations: readonly Operation[]): RowSpan[] {
  const spans: RowSpan[] = [];
  let open: RowSpan | undefined;
  for (const [index, operation] of operations.entries()) {
    const rows = isRowOperation(operation) ? rowsOf(graph, operation.reads.x) : 0;
    if (open && rows === open.rows) open.last = index;
    else {
      if (open && open.last > open.first) spans.push(open);
      open = rows >= MIN_ROWS ? { first: index, last: index, rows } : undefined;
    }
  }
  if (open && open.last > open.first) spans.push(open);
  return spans;
}

function rowsOf(graph: Graph, id: TensorId): number {
  return elementCount((graph.tensors[id]?.shape ?? []).slice(0, -1));
}
