// Half activations: which tensors between operations are kept in float16, for executors whose kernels take them so.

import type { Operation } from "./catalog.js";
import { halfOperands } from "./facts.js";
import type { Graph } from "./graph.js";
import type { Tensor, TensorId } from "./tensor.js";

/**
 * The graph's tensors, those float32 activations as float16 that every operation which touches them allows. Inputs, outputs,
 * stores, constants and what operations add to keep their type: sums, statistics and parameters lose nothing.
 */
export function halfActivations(graph: Graph, operations: readonly Operation[]): Tensor[] {
  const allowed = new Set<TensorId>();
  const refused = new Set<TensorId>(graph.outputs.values());
  for (const operation of operations) {
    const halves = new Set(halfOperands(operation));
    for (const [name, id] of Object.entries({ ...operation.reads, ...operation.writes }))
      (halves.has(name) ? allowed : refused).add(id);
    for (const id of Object.values(operation.adds)) refused.add(id);
  }
  return graph.tensors.map((tensor) => {
    const { id, dtype, origin } = tensor;
    const half = dtype === "float32" && origin.kind === "activation" && allowed.has(id) && !refused.has(id);
    return half ? { ...tensor, dtype: "float16" } : tensor;
  });
}
