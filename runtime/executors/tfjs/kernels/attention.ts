// Attention: softmax(q·kᵀ/√E)·v for every head, and its gradient. All heads of a batch go through one matMul.

import type { OperationOf } from "../../../graph/catalog.js";
import type { TensorId } from "../../../graph/tensor.js";
import type { Operands } from "../operands.js";
import type { Tensor } from "../tfjs.js";

interface Heads {
  batch: number;
  tokens: number;
  heads: number;
  /** Width of a head. */
  size: number;
}

/** `out`: a tensor [B,T,H·E]. */
function headsOf(at: Operands, out: TensorId, heads: number): Heads {
  const [batch, tokens, width] = at.shape(out) as [number, number, number];
  return { batch, tokens, heads, size: width / heads };
}

/** [B,T,parts·H·E] → `parts` tensors [B·H,T,E]. */
function byHead(at: Operands, id: TensorId, parts: number, { batch, tokens, heads, size }: Heads): Tensor[] {
  const { tf } = at;
  const transposed = tf.transpose(at.get(id, [batch, tokens, parts, heads, size]), [2, 0, 3, 1, 4]);
  return tf.split(tf.reshape(transposed, [parts * batch * heads, tokens, size]), parts, 0);
}

/** `parts` tensors [B·H,T,E] → [B,T,parts·H·E]. */
function byToken(at: Operands, parts: Tensor[], { batch, tokens, heads, size }: Heads): Tensor {
  const { tf } = at;
  const joined = tf.reshape(tf.concat(parts, 0), [parts.length, batch, heads, tokens, size]);
  return tf.transpose(joined, [1, 3, 0, 2, 4]);
}

/** q·kᵀ/√E [B·H,T,T] */
function scoresOf(at: Operands, q: Tensor, k: Tensor, { size }: Heads): Tensor {
  return at.tf.mul(at.tf.matMul(q, k, false, true), at.scalar(1 / Math.sqrt(size)));
}

export function attention({ reads, writes, attributes }: OperationOf<"attention">, at: Operands): void {
  const { tf } = at;
  const { out, probabilities, logSumExp } = writes;
  const heads = headsOf(at, out, attributes.heads);
  const [q, k, v] = byHead(at, reads.qkv, 3, heads) as [Tensor, Tensor, Tensor];
  const scores = scoresOf(at, q, k, heads);
  const largest = tf.max(scores, 2, true);
  const exponentials = tf.exp(tf.sub(scores, largest));
  const sums = tf.sum(exponentials, 2, true);
  const weights = tf.div(exponentials, sums);
  if (probabilities !== undefined) at.set(probabilities, weights);
  if (logSumExp !== undefined) at.set(logSumExp, tf.add(largest, tf.log(sums)));
  at.set(out, byToken(at, [tf.matMul(weights, v)], heads));
}

/**
 * With S the scores, P = exp(S − logSumExp), dP = dO·vᵀ and dS = P·(dP − Σ dO·out): dq = dS·k/√E, dk = dSᵀ·q/√E,
 * dv = Pᵀ·dO.
 */
export function attentionBackward(
  { reads, writes, attributes }: OperationOf<"attentionBackward">,
  at: Operands,
): void {
  const { tf } = at;
  const heads = headsOf(at, reads.dOut, attributes.heads);
  const [q, k, v] = byHead(at, reads.qkv, 3, heads) as [Tensor, Tensor, Tensor];
  const [dOut] = byHead(at, reads.dOut, 1, heads) as [Tensor];
  const [out] = byHead(at, reads.out, 1, heads) as [Tensor];
  const logSumExp = at.get(reads.logSumExp, [heads.batch * heads.heads, heads.tokens, 1]);
  const weights = tf.exp(tf.sub(scoresOf(at, q, k, heads), logSumExp));
  const rowSums = tf.sum(tf.mul(dOut, out), 2, true);
  const dWeights = tf.sub(tf.matMul(dOut, v, false, true), rowSums);
  const dScores = tf.mul(tf.mul(weights, dWeights), at.scalar(1 / Math.sqrt(heads.size)));
  const gradients = [
    tf.matMul(dScores, k),
    tf.matMul(dScores, q, true, false),
    tf.matMul(weights, dOut, true, false),
  ];
  at.set(writes.dQkv, byToken(at, gradients, heads));
}
