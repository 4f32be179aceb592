// Linear: y = x·weightᵀ + bias, with the weight stored as PyTorch does, [outputs, inputs].

import type { GradientRule, GraphBuilder } from "../graph.js";
import type { TensorId } from "../tensor.js";
import { expectAxes, expectShape } from "../tensor.js";

/**
 * x·weightᵀ + bias: x [..., inputs], weight [outputs, inputs], bias? [outputs] → y [..., outputs]. torch.nn.Linear.
 * Throws `graph/shape`.
 */
export function linear(
  graph: GraphBuilder,
  x: TensorId,
  weight: TensorId,
  bias: TensorId | undefined,
  name: string,
): TensorId {
  const shape = graph.shapeOf(x);
  const inputs = shape.at(-1) as number;
  expectAxes(`linear ${name} weight`, graph.shapeOf(weight), 2);
  const outputs = graph.shapeOf(weight)[0] as number;
  expectShape(`linear ${name} weight`, graph.shapeOf(weight), [outputs, inputs]);
  if (bias !== undefined) expectShape(`linear ${name} bias`, graph.shapeOf(bias), [outputs]);
  const y = graph.activation(name, [...shape.slice(0, -1), outputs]);
  graph.add("linear", { reads: { x, weight, bias }, writes: { y }, attributes: { gelu: false } });
  return y;
}

/** dw += dyᵀ·x, db += Σ rows of dy, dx = dy·w. The planner fuses after autodiff, so fused forms never occur here. */
export const linearGradient: GradientRule<"linear"> = (sweep, { reads, writes }) => {
  const dy = sweep.gradientOf(writes.y);
  if (dy === undefined) return;
  const { x, weight, bias } = reads;
  if (sweep.wants(weight)) {
    const adds = {
      dWeight: sweep.accumulator(weight),
      dBias: bias === undefined ? undefined : sweep.accumulator(bias),
    };
    sweep.graph.add("linearWeightGradient", { reads: { dy, x }, writes: {}, adds });
  }
  if (sweep.wants(x)) {
    const dx = sweep.graph.activation(`d ${sweep.graph.tensor(x).name}`, sweep.graph.shapeOf(x));
    sweep.graph.add("linearInputGradient", { reads: { dy, weight }, writes: { dx } });
    sweep.contribute(x, dx);
  }
};
