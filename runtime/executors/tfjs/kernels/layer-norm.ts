// Layer norm over the last axis: y = (x − mean)·rstd·weight + bias. Variance from differences with the mean (two
// passes).

import type { OperationOf } from "../../../graph/catalog.js";
import type { Operands } from "../operands.js";

export function layerNorm({ reads, writes, attributes }: OperationOf<"layerNorm">, at: Operands): void {
  const { tf } = at;
  const { y, mean, rstd } = writes;
  const x = at.matrix(reads.x);
  const perValue = at.scalar(1 / at.axis(reads.x, -1));
  const center = tf.mul(tf.sum(x, 1, true), perValue);
  const difference = tf.sub(x, center);
  const variance = tf.mul(tf.sum(tf.square(difference), 1, true), perValue);
  const scale = tf.rsqrt(tf.add(variance, at.scalar(attributes.epsilon)));
  const normed = tf.mul(difference, scale);
  at.set(y, tf.add(tf.mul(normed, at.get(reads.weight)), at.get(reads.bias)));
  if (mean !== undefined) at.set(mean, center);
  if (rstd !== undefined) at.set(rstd, scale);
}

/** With h = (x − mean)·rstd and g = dy·weight: dx = rstd·(g − mean(g) − h·mean(g·h)) + residual. */
export function layerNormBackward(
  { reads, writes, adds }: OperationOf<"layerNormBackward">,
  at: Operands,
): void {
  const { tf } = at;
  const [x, dy] = [at.matrix(reads.x), at.matrix(reads.dy)];
  const rows = at.rows(reads.x);
  const [mean, rstd] = [at.get(reads.mean, [rows, 1]), at.get(reads.rstd, [rows, 1])];
  const perValue = at.scalar(1 / at.axis(reads.x, -1));
  const normed = tf.mul(tf.sub(x, mean), rstd);
  at.add(adds.dWeight, tf.sum(tf.mul(dy, normed), 0));
  at.add(adds.dBias, tf.sum(dy, 0));
  const gradient = tf.mul(dy, at.get(reads.weight));
  const meanOfGradient = tf.mul(tf.sum(gradient, 1, true), perValue);
  const meanOfProduct = tf.mul(tf.sum(tf.mul(gradient, normed), 1, true), perValue);
  const rest = tf.sub(tf.sub(gradient, meanOfGradient), tf.mul(normed, meanOfProduct));
  const dx = tf.mul(rest, rstd);
  at.set(writes.dx, reads.residual === undefined ? dx : tf.add(dx, at.matrix(reads.residual)));
}
