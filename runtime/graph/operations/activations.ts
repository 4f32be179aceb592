// Activations: functions of one value. GELU is x·Φ(x) in its exact form with the error function, ReLU max(x, 0),
// sigmoid 1/(1 + e^−x), the gate of squeeze-and-excitation.

import type { GradientRule, GraphBuilder } from "../graph.js";
import type { TensorId } from "../tensor.js";

/**
 * GELU, x·Φ(x), in its exact form with the error function: x [...] → y of the same shape. torch.nn.GELU(),
 * arXiv 1606.08415.
 */
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

/** max(x, 0): x [...] → y of the same shape. torch.nn.ReLU. */
export function relu(graph: GraphBuilder, x: TensorId, name: string): TensorId {
  const y = graph.activation(name, graph.shapeOf(x));
  graph.add("relu", { reads: { x }, writes: { y } });
  return y;
}

/** The result shows where the slope is 1, so x need not be kept. */
export const reluGradient: GradientRule<"relu"> = (sweep, { reads, writes }) => {
  const dy = sweep.gradientOf(writes.y);
  if (dy === undefined || !sweep.wants(reads.x)) return;
  const dx = sweep.graph.activation(`d ${sweep.graph.tensor(reads.x).name}`, sweep.graph.shapeOf(reads.x));
  sweep.graph.add("reluBackward", { reads: { y: writes.y, dy }, writes: { dx } });
  sweep.contribute(reads.x, dx);
};

/** 1/(1 + e^−x): x [...] → y of the same shape. torch.nn.Sigmoid. */
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
