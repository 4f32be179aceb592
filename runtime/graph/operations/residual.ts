// Residual: a branch is added to the residual stream, scaled per sample where stochastic depth is on.

import type { GradientRule, GraphBuilder } from "../graph.js";
import type { TensorId } from "../tensor.js";
import { expectShape } from "../tensor.js";

/**
 * Adds a branch to the residual stream: x [batch, ...], branch [batch, ...], scale? [batch] →
 * y = x + scale[b]·branch. Stochastic depth (arXiv 1603.09382) gives 1/(1−rate) for a kept branch and 0 for a dropped
 * one, as timm's drop_path. Throws `graph/shape`.
 */
export function residual(
  graph: GraphBuilder,
  x: TensorId,
  branch: TensorId,
  scale: TensorId | undefined,
  name: string,
): TensorId {
  const shape = graph.shapeOf(x);
  expectShape(`residual ${name} branch`, graph.shapeOf(branch), shape);
  if (scale !== undefined) expectShape(`residual ${name} scale`, graph.shapeOf(scale), [shape[0]]);
  const y = graph.activation(name, shape);
  graph.add("residual", { reads: { x, branch, scale }, writes: { y } });
  return y;
}

/** The stream's gradient is passed unchanged; the scale is random and has none. */
export const residualGradient: GradientRule<"residual"> = (sweep, { reads, writes }) => {
  const dy = sweep.gradientOf(writes.y);
  if (dy === undefined) return;
  const { x, branch, scale } = reads;
  if (sweep.wants(x)) sweep.contribute(x, dy);
  if (!sweep.wants(branch)) return;
  if (scale === undefined) return sweep.contribute(branch, dy);
  sweep.contribute(branch, scaleRows(sweep.graph, dy, scale, `d ${sweep.graph.tensor(branch).name}`));
};

/** x [batch, ...], scale [batch] → y = scale[b]·x. */
export function scaleRows(graph: GraphBuilder, x: TensorId, scale: TensorId, name: string): TensorId {
  expectShape(`scaleRows ${name} scale`, graph.shapeOf(scale), [graph.shapeOf(x)[0] as number]);
  const y = graph.activation(name, graph.shapeOf(x));
  graph.add("scaleRows", { reads: { x, scale }, writes: { y } });
  return y;
}

export const scaleRowsGradient: GradientRule<"scaleRows"> = (sweep, { reads, writes }) => {
  const dy = sweep.gradientOf(writes.y);
  if (dy === undefined || !sweep.wants(reads.x)) return;
  const name = `d ${sweep.graph.tensor(reads.x).name}`;
  sweep.contribute(reads.x, scaleRows(sweep.graph, dy, reads.scale, name));
};
