// Halves: the two halves of a batch exchanged, so that each sample meets its copy in the other half.

import { VitrineError } from "../../errors.js";
import type { GradientRule, GraphBuilder } from "../graph.js";
import type { TensorId } from "../tensor.js";

/** x [2·batch, …] → y of the same shape: its second half, then its first. Throws `graph/shape`. */
export function swapHalves(graph: GraphBuilder, x: TensorId, name: string): TensorId {
  const shape = graph.shapeOf(x);
  if (shape[0] % 2 !== 0)
    throw new VitrineError("graph/shape", `${name}: a batch of ${shape[0]} has no two equal halves`);
  const y = graph.activation(name, shape);
  graph.add("swapHalves", { reads: { x }, writes: { y } });
  return y;
}

export const swapHalvesGradient: GradientRule<"swapHalves"> = (sweep, { reads, writes }) => {
  const dy = sweep.gradientOf(writes.y);
  if (dy === undefined || !sweep.wants(reads.x)) return;
  sweep.contribute(reads.x, swapHalves(sweep.graph, dy, `d ${sweep.graph.tensor(reads.x).name}`));
};
