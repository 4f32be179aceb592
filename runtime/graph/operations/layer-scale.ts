// LayerScale: a learned factor for each column of a residual branch (arXiv 2103.17239, equation 4), as in DeiT III.

import type { GradientRule, GraphBuilder } from "../graph.js";
import type { TensorId } from "../tensor.js";
import { expectShape } from "../tensor.js";

/** x [..., dim], factors [dim] → y = x·factors, of x's shape. Throws `graph/shape`. */
export function layerScale(graph: GraphBuilder, x: TensorId, factors: TensorId, name: string): TensorId {
  const shape = graph.shapeOf(x);
  expectShape(`layerScale ${name} factors`, graph.shapeOf(factors), [shape.at(-1) as number]);
  const y = graph.activation(name, shape);
  graph.add("layerScale", { reads: { x, factors }, writes: { y } });
  return y;
}

/** The branch is kept for the factors' gradient. */
export const layerScaleGradient: GradientRule<"layerScale"> = (sweep, { reads, writes }) => {
  const dy = sweep.gradientOf(writes.y);
  if (dy === undefined) return;
  const { graph } = sweep;
  const { x, factors } = reads;
  if (sweep.wants(factors))
    graph.add("layerScaleGradient", {
      reads: { dy, x },
      writes: {},
      adds: { dFactors: sweep.accumulator(factors) },
    });
  if (sweep.wants(x)) sweep.contribute(x, layerScale(graph, dy, factors, `d ${graph.tensor(x).name}`));
};
