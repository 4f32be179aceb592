// Batch norm with the statistics of the batch: y = (x − mean)·rstd·weight + bias for each channel, and its gradient.

import type { OperationOf } from "../../../graph/catalog.js";
import { elementCount, type TensorId } from "../../../graph/tensor.js";
import type { Operands } from "../operands.js";
import type { Tensor } from "../tfjs.js";

export function batchNorm({ reads, writes, adds, attributes }: OperationOf<"batchNorm">, at: Operands): void {
  const { tf } = at;
  const rows = at.rows(reads.x);
  const x = at.matrix(reads.x);
  const perRow = at.scalar(1 / rows);
  const mean = tf.mul(tf.sum(x, 0), perRow);
  const difference = tf.sub(x, mean);
  const deviations = tf.sum(tf.square(difference), 0);
  const rstd = tf.rsqrt(tf.add(tf.mul(deviations, perRow), at.scalar(attributes.epsilon)));
  const normed = tf.mul(difference, rstd);
  at.set(writes.y, tf.add(tf.mul(normed, at.get(reads.weight)), at.get(reads.bias)));
  at.set(writes.mean, mean);
  at.set(writes.rstd, rstd);
  blend(at, adds.runningMean, mean, attributes.momentum);
  // Kept unbiased, as PyTorch does.
  const unbiased = tf.mul(deviations, at.scalar(1 / (Math.max(rows, 2) - 1)));
  blend(at, adds.runningVariance, unbiased, attributes.momentum);
}

/** Moves the running statistics toward those of the batch. */
function blend(at: Operands, running: TensorId | undefined, batch: Tensor, momentum: number): void {
  if (running === undefined) return;
  const { tf } = at;
  at.add(running, tf.mul(tf.sub(batch, at.get(running)), at.scalar(momentum)));
}

/** factor = γ/√(variance + ε) goes into the weights [O,…], beta − mean·factor is a bias [O]. */
export function foldBatchNorm(
  { reads, writes, attributes }: OperationOf<"foldBatchNorm">,
  at: Operands,
): void {
  const { tf } = at;
  const outputs = at.axis(reads.weight, 0);
  const variance = tf.add(at.get(reads.variance), at.scalar(attributes.epsilon));
  const factor = tf.div(at.get(reads.gamma), tf.sqrt(variance));
  const weight = at.get(reads.weight, [outputs, elementCount(at.shape(reads.weight)) / outputs]);
  at.set(writes.folded, tf.mul(weight, tf.reshape(factor, [outputs, 1])));
  at.set(writes.shift, tf.sub(at.get(reads.beta), tf.mul(at.get(reads.mean), factor)));
}

/** With h = (x − mean)·rstd: dx = weight·rstd·(dy − mean(dy) − h·mean(dy·h)). */
export function batchNormBackward(
  { reads, writes, adds }: OperationOf<"batchNormBackward">,
  at: Operands,
): void {
  const { tf } = at;
  const [x, dy] = [at.matrix(reads.x), at.matrix(reads.dy)];
  const [weight, mean, rstd] = [at.get(reads.weight), at.get(reads.mean), at.get(reads.rstd)];
  const perRow = at.scalar(1 / at.rows(reads.x));
  const normed = tf.mul(tf.sub(x, mean), rstd);
  const [dBias, dWeight] = [tf.sum(dy, 0), tf.sum(tf.mul(dy, normed), 0)];
  const rest = tf.sub(tf.sub(dy, tf.mul(dBias, perRow)), tf.mul(normed, tf.mul(dWeight, perRow)));
  at.set(writes.dx, tf.mul(rest, tf.mul(weight, rstd)));
  at.add(adds.dWeight, dWeight);
  at.add(adds.dBias, dBias);
}
