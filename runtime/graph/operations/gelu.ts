// GELU: x·Φ(x) in its exact form with the error function.

import type { GradientRule } from "../gradient-sweep.js";
import type { GraphBuilder } from "../graph.js";
import type { TensorId } from "../tensor.js";

/** x → y of the same shape. */
export function gelu(graph: GraphBuilder, x: TensorId, name: string): TensorId {
  const y = graph.activation(name, graph.shapeOf(x));
  graph.add("gelu", { reads: { x }, writes: { y } });
  return y;
}

export const geluGradient: GradientRule<"gelu"> = (sweep, { reads, writes }) => {
  const dy = sweep.gradientOf(writes.y);
  if (dy === undefined || !sweep.wants(reads.x)) return;
  const dx = sweep.graph.activation(`d ${sweep.graph.tensor(reads.x).name}`, sweep.graph.shapeOf(reads.x));
  sweep.graph.add("geluBackward", { reads: { x: reads.x, dy }, writes: { dx } });
  sweep.contribute(reads.x, dx);
};
