// Attention: softmax(q·kᵀ/√E)·v for every head, from the joint output of the query, key and value projections.

import type { GradientRule } from "../gradient-sweep.js";
import type { GraphBuilder } from "../graph.js";
import { expectAxes, expectMultiple } from "../shape.js";
import type { TensorId } from "../tensor.js";

/**
 * qkv [batch, tokens, 3·heads·E], laid out [q | k | v] with the heads one behind the other → out [batch, tokens,
 * heads·E] and the attention weights [batch, heads, tokens, tokens], which are kept only where something reads them.
 */
export function attention(
  graph: GraphBuilder,
  qkv: TensorId,
  heads: number,
  name: string,
): { out: TensorId; probabilities: TensorId } {
  const shape = graph.shapeOf(qkv);
  expectAxes(`attention ${name} qkv`, shape, 3);
  const [batch, tokens, width] = shape as [number, number, number];
  expectMultiple(`attention ${name}: width of qkv by 3·heads`, width, 3 * heads);
  const out = graph.activation(`${name}.heads`, [batch, tokens, width / 3]);
  const probabilities = graph.activation(`${name}.probabilities`, [batch, heads, tokens, tokens]);
  const scratch = graph.activation(`${name}.scratch`, [tokens, tokens]);
  graph.add("attention", { reads: { qkv }, writes: { out, probabilities, scratch }, attributes: { heads } });
  return { out, probabilities };
}

export const attentionGradient: GradientRule<"attention"> = (sweep, { reads, writes, attributes }) => {
  const dOut = sweep.gradientOf(writes.out);
  const { probabilities } = writes;
  if (dOut === undefined || probabilities === undefined || !sweep.wants(reads.qkv)) return;
  const { graph } = sweep;
  const name = graph.tensor(reads.qkv).name;
  const tokens = graph.shapeOf(reads.qkv)[1] as number;
  const dQkv = graph.activation(`d ${name}`, graph.shapeOf(reads.qkv));
  const scratch = graph.activation(`scratch of d ${name}`, [tokens, tokens]);
  graph.add("attentionBackward", {
    reads: { dOut, qkv: reads.qkv, probabilities },
    writes: { dQkv, scratch },
    attributes,
  });
  sweep.contribute(reads.qkv, dQkv);
};
