// Channels: the mean of each over an image's pixels, and a factor for each; squeeze-and-excitation consists of both.

import type { GradientRule, GraphBuilder } from "../graph.js";
import type { TensorId } from "../tensor.js";
import { expectShape } from "../tensor.js";

function perImage(graph: GraphBuilder, x: TensorId): [batch: number, channels: number] {
  const shape = graph.shapeOf(x);
  return [shape[0], shape.at(-1) as number];
}

/** x [batch, ..., channels] → y [batch, channels]: the mean over the axes between. torch.nn.AdaptiveAvgPool2d(1). */
export function globalAveragePool(graph: GraphBuilder, x: TensorId, name: string): TensorId {
  const y = graph.activation(name, perImage(graph, x));
  graph.add("globalAveragePool", { reads: { x }, writes: { y } });
  return y;
}

export const globalAveragePoolGradient: GradientRule<"globalAveragePool"> = (sweep, { reads, writes }) => {
  const dy = sweep.gradientOf(writes.y);
  if (dy === undefined || !sweep.wants(reads.x)) return;
  const dx = sweep.graph.activation(`d ${sweep.graph.tensor(reads.x).name}`, sweep.graph.shapeOf(reads.x));
  sweep.graph.add("globalAveragePoolBackward", { reads: { dy }, writes: { dx } });
  sweep.contribute(reads.x, dx);
};

/**
 * x [batch, ..., channels], scale [batch, channels] → y = x·scale, the last step of squeeze-and-excitation
 * (arXiv 1709.01507). Throws `graph/shape`.
 */
export function scaleChannels(graph: GraphBuilder, x: TensorId, scale: TensorId, name: string): TensorId {
  expectShape(`scaleChannels ${name} scale`, graph.shapeOf(scale), perImage(graph, x));
  const y = graph.activation(name, graph.shapeOf(x));
  graph.add("scaleChannels", { reads: { x, scale }, writes: { y } });
  return y;
}

export const scaleChannelsGradient: GradientRule<"scaleChannels"> = (sweep, { reads, writes }) => {
  const dy = sweep.gradientOf(writes.y);
  if (dy === undefined) return;
  const { graph } = sweep;
  const { x, scale } = reads;
  if (sweep.wants(scale)) {
    const dScale = graph.activation(`d ${graph.tensor(scale).name}`, graph.shapeOf(scale));
    graph.add("scaleChannelsGradient", { reads: { dy, x }, writes: { dScale } });
    sweep.contribute(scale, dScale);
  }
  if (sweep.wants(x)) sweep.contribute(x, scaleChannels(graph, dy, scale, `d ${graph.tensor(x).name}`));
};
