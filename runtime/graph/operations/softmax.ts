// Softmax: logits become probabilities, over the last axis.

import type { GraphBuilder } from "../graph.js";
import { expectAxes } from "../shape.js";
import type { TensorId } from "../tensor.js";

/** x [rows, classes] → y [rows, classes], each row summing to 1. Only inference asks for it: it has no gradient. */
export function softmax(graph: GraphBuilder, x: TensorId, name: string): TensorId {
  expectAxes(`softmax ${name}`, graph.shapeOf(x), 2);
  const y = graph.activation(name, graph.shapeOf(x));
  graph.add("softmax", { reads: { x }, writes: { y } });
  return y;
}
