// Attention: softmax(q·kᵀ/√E)·v for every head, from the joint output of the query, key and value projections.

import type { GradientRule, GraphBuilder } from "../graph.js";
import type { TensorId } from "../tensor.js";
import { expectAxes, expectMultiple } from "../tensor.js";

/**
 * Multi-head self-attention without its projections: softmax(q·kᵀ/√E)·v for each head (arXiv 1706.03762, section 3.2;
 * timm's Attention). qkv [batch, tokens, 3·heads·E], laid out [q | k | v] with consecutive heads → out
 * [batch, tokens, heads·E] and the attention weights [batch, heads, tokens, tokens], which are computed only where
 * something reads them. Throws `graph/shape`.
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
  const logSumExp = graph.activation(`${name}.logSumExp`, [batch, heads, tokens]);
  graph.add("attention", {
    reads: { qkv },
    writes: { out, probabilities, logSumExp },
    attributes: { heads },
  });
  return { out, probabilities };
}

/** Backward recomputes the weights from logSumExp: no tensor of tokens × tokens is kept (arXiv 2205.14135, B.2). */
export const attentionGradient: GradientRule<"attention"> = (sweep, { reads, writes, attributes }) => {
  const { qkv } = reads;
  const { out, logSumExp } = writes;
  const dOut = sweep.gradientOf(out);
  if (dOut === undefined || logSumExp === undefined || !sweep.wants(qkv)) return;
  const { graph } = sweep;
  const dQkv = graph.activation(`d ${graph.tensor(qkv).name}`, graph.shapeOf(qkv));
  graph.add("attentionBackward", { reads: { dOut, qkv, out, logSumExp }, writes: { dQkv }, attributes });
  sweep.contribute(qkv, dQkv);
};
