// Sums: weighted sums of two tensors, dot products, and scaling by a number that the program computes.

import type { GradientRule, GraphBuilder } from "../graph.js";
import type { TensorId } from "../tensor.js";
import { expectShape } from "../tensor.js";

/** a, b of one shape → y = alpha·a + beta·b. Throws `graph/shape`. */
export function scaledSum(
  graph: GraphBuilder,
  a: TensorId,
  b: TensorId,
  factors: { alpha: number; beta: number },
  name: string,
): TensorId {
  expectShape(`scaledSum ${name}`, graph.shapeOf(b), graph.shapeOf(a));
  const y = graph.activation(name, graph.shapeOf(a));
  graph.add("scaledSum", { reads: { a, b }, writes: { y }, attributes: factors });
  return y;
}

export const scaledSumGradient: GradientRule<"scaledSum"> = (sweep, { reads, writes, attributes }) => {
  const dy = sweep.gradientOf(writes.y);
  if (dy === undefined) return;
  const contribute = (operand: TensorId, factor: number) => {
    if (!sweep.wants(operand) || factor === 0) return;
    const name = `d ${sweep.graph.tensor(operand).name}`;
    const scaled = factor === 1 ? dy : scaledSum(sweep.graph, dy, dy, { alpha: factor, beta: 0 }, name);
    sweep.contribute(operand, scaled);
  };
  contribute(reads.a, attributes.alpha);
  contribute(reads.b, attributes.beta);
};

/** a, b of one shape → y [1] = Σ a·b: a weighted mean, with the weights in b. Throws `graph/shape`. */
export function dot(graph: GraphBuilder, a: TensorId, b: TensorId, name: string): TensorId {
  expectShape(`dot ${name}`, graph.shapeOf(b), graph.shapeOf(a));
  const y = graph.activation(name, [1]);
  graph.add("dot", { reads: { a, b }, writes: { y } });
  return y;
}

export const dotGradient: GradientRule<"dot"> = (sweep, { reads, writes }) => {
  const dy = sweep.gradientOf(writes.y);
  if (dy === undefined) return;
  const contribute = (operand: TensorId, other: TensorId) => {
    if (!sweep.wants(operand)) return;
    const name = `d ${sweep.graph.tensor(operand).name}`;
    sweep.contribute(operand, scaleByScalar(sweep.graph, other, dy, name));
  };
  contribute(reads.a, reads.b);
  contribute(reads.b, reads.a);
};

/** x, scale [1] → y = scale[0]·x. */
function scaleByScalar(graph: GraphBuilder, x: TensorId, scale: TensorId, name: string): TensorId {
  expectShape(`scaleByScalar ${name} scale`, graph.shapeOf(scale), [1]);
  const y = graph.activation(name, graph.shapeOf(x));
  graph.add("scaleByScalar", { reads: { x, scale }, writes: { y } });
  return y;
}
