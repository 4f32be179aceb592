// Layer norm: each token is normalized to mean 0 and variance 1, then scaled by a weight and shifted by a bias.

import type { GradientRule, GraphBuilder } from "../graph.js";
import type { TensorId } from "../tensor.js";
import { expectShape } from "../tensor.js";

/**
 * (x − mean)/√(variance + ε)·weight + bias over the last axis: x [..., dim], weight [dim], bias [dim] → y [..., dim];
 * variance without Bessel's correction. torch.nn.LayerNorm, arXiv 1607.06450. Throws `graph/shape`.
 */
export function layerNorm(
  graph: GraphBuilder,
  x: TensorId,
  parameters: { weight: TensorId; bias: TensorId },
  epsilon: number,
  name: string,
): TensorId {
  const shape = graph.shapeOf(x);
  const dim = shape.at(-1) as number;
  expectShape(`layerNorm ${name} weight`, graph.shapeOf(parameters.weight), [dim]);
  expectShape(`layerNorm ${name} bias`, graph.shapeOf(parameters.bias), [dim]);
  const rows = shape.length > 1 ? shape.slice(0, -1) : [1];
  const y = graph.activation(name, shape);
  const mean = graph.activation(`${name}.mean`, rows);
  const rstd = graph.activation(`${name}.rstd`, rows);
  graph.add("layerNorm", {
    reads: { x, ...parameters },
    writes: { y, mean, rstd },
    attributes: { epsilon },
  });
  return y;
}

/** The kernel adds the gradient of x's residual path: one pass fewer over the largest tensors. */
export const layerNormGradient: GradientRule<"layerNorm"> = (sweep, { reads, writes }) => {
  const dy = sweep.gradientOf(writes.y);
  const { mean, rstd } = writes;
  if (dy === undefined || mean === undefined || rstd === undefined) return;
  const { x, weight, bias } = reads;
  const residual = sweep.takePartial(x);
  const dx = sweep.graph.activation(`d ${sweep.graph.tensor(x).name}`, sweep.graph.shapeOf(x));
  sweep.graph.add("layerNormBackward", {
    reads: { dy, x, weight, mean, rstd, residual },
    writes: { dx },
    adds: { dWeight: sweep.accumulator(weight), dBias: sweep.accumulator(bias) },
  });
  if (sweep.wants(x)) sweep.contribute(x, dx);
};
