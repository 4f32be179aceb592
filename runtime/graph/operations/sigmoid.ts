// Sigmoid: 1/(1 + e^−x), the gate of squeeze-and-excitation.

import type { GradientRule } from "../gradient-sweep.js";
import type { GraphBuilder } from "../graph.js";
import type { TensorId } from "../tensor.js";

/** x → y of the same shape. */
export function sigmoid(graph: GraphBuilder, x: TensorId, name: string): TensorId {
  const y = graph.activation(name, graph.shapeOf(x));
  graph.add("sigmoid", { reads: { x }, writes: { y } });
  return y;
}

/** The slope is y·(1 − y), so x need not be kept. */
export const sigmoidGradient: GradientRule<"sigmoid"> = (sweep, { reads, writes }) => {
  const dy = sweep.gradientOf(writes.y);
  if (dy === undefined || !sweep.wants(reads.x)) return;
  const dx = sweep.graph.activation(`d ${sweep.graph.tensor(reads.x).name}`, sweep.graph.shapeOf(reads.x));
  sweep.graph.add("sigmoidBackward", { reads: { y: writes.y, dy }, writes: { dx } });
  sweep.contribute(reads.x, dx);
};
