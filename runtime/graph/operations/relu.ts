// ReLU: max(x, 0).

import type { GradientRule } from "../gradient-sweep.js";
import type { GraphBuilder } from "../graph.js";
import type { TensorId } from "../tensor.js";

/** x → y of the same shape. */
export function relu(graph: GraphBuilder, x: TensorId, name: string): TensorId {
  const y = graph.activation(name, graph.shapeOf(x));
  graph.add("relu", { reads: { x }, writes: { y } });
  return y;
}

/** The result says where the slope is 1, so x need not be kept. */
export const reluGradient: GradientRule<"relu"> = (sweep, { reads, writes }) => {
  const dy = sweep.gradientOf(writes.y);
  if (dy === undefined || !sweep.wants(reads.x)) return;
  const dx = sweep.graph.activation(`d ${sweep.graph.tensor(reads.x).name}`, sweep.graph.shapeOf(reads.x));
  sweep.graph.add("reluBackward", { reads: { y: writes.y, dy }, writes: { dx } });
  sweep.contribute(reads.x, dx);
};
