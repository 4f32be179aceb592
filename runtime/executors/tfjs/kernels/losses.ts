// Losses: soft-target cross-entropy and both forms of distillation, with gradients. Logits [rows, classes].

import type { OperationOf } from "../../../graph/catalog.js";
import type { TensorId } from "../../../graph/tensor.js";
import type { Operands } from "../operands.js";
import type { Tensor } from "../tfjs.js";

/** Logarithms of the softmax over the last axis. */
function logSoftmaxOf({ tf }: Operands, x: Tensor): Tensor {
  const last = x.shape.length - 1;
  const shifted = tf.sub(x, tf.max(x, last, true));
  return tf.sub(shifted, tf.log(tf.sum(tf.exp(shifted), last, true)));
}

/** Softmax over the last axis. */
function softmaxOf({ tf }: Operands, x: Tensor): Tensor {
  const last = x.shape.length - 1;
  const exponentials = tf.exp(tf.sub(x, tf.max(x, last, true)));
  return tf.div(exponentials, tf.sum(exponentials, last, true));
}

/** −Σ t·log p of each row. */
function crossEntropy({ tf }: Operands, logProbabilities: Tensor, targets: Tensor): Tensor {
  return tf.neg(tf.sum(tf.mul(targets, logProbabilities), 1));
}

export function softTargetCrossEntropy(
  { reads, writes }: OperationOf<"softTargetCrossEntropy">,
  at: Operands,
): void {
  at.set(writes.loss, crossEntropy(at, logSoftmaxOf(at, at.get(reads.logits)), at.get(reads.targets)));
}

/** dLoss·(p·Σt − t) */
export function softTargetCrossEntropyBackward(
  { reads, writes }: OperationOf<"softTargetCrossEntropyBackward">,
  at: Operands,
): void {
  const { tf } = at;
  const targets = at.get(reads.targets);
  const weighted = tf.mul(softmaxOf(at, at.get(reads.logits)), tf.sum(targets, 1, true));
  at.set(writes.dLogits, tf.mul(perRow(at, reads.dLoss), tf.sub(weighted, targets)));
}

/** 1/C·Σ log(1 + e^z) − t·z */
export function binaryCrossEntropy({ reads, writes }: OperationOf<"binaryCrossEntropy">, at: Operands): void {
  const { tf } = at;
  const z = at.get(reads.logits);
  const softplus = tf.add(tf.relu(z), tf.log(tf.add(tf.exp(tf.neg(tf.abs(z))), at.scalar(1))));
  const sums = tf.sum(tf.sub(softplus, tf.mul(z, at.get(reads.targets))), 1);
  at.set(writes.loss, tf.div(sums, at.scalar(at.axis(reads.logits, 1))));
}

/** dLoss/C·(σ(z) − t) */
export function binaryCrossEntropyBackward(
  { reads, writes }: OperationOf<"binaryCrossEntropyBackward">,
  at: Operands,
): void {
  const { tf } = at;
  const difference = tf.sub(tf.sigmoid(at.get(reads.logits)), at.get(reads.targets));
  const factor = tf.div(perRow(at, reads.dLoss), at.scalar(at.axis(reads.logits, 1)));
  at.set(writes.dLogits, tf.mul(factor, difference));
}

/** The second half of the batch, then the first. */
export function swapHalves({ reads, writes }: OperationOf<"swapHalves">, at: Operands): void {
  const { tf } = at;
  const x = at.get(reads.x);
  const [batch, ...rest] = x.shape;
  const size = [batch / 2, ...rest];
  const from = (row: number) => tf.slice(x, [row, ...rest.map(() => 0)], size);
  at.set(writes.y, tf.concat([from(batch / 2), from(0)], 0));
}

function perRow(at: Operands, id: TensorId): Tensor {
  return at.get(id, [at.axis(id, 0), 1]);
}

/**
 * 1 at the first largest value of each row, 0 elsewhere. tfjs's argMax on a GPU may return another of several equal
 * values.
 */
function oneHotOfLargest(at: Operands, id: TensorId): Tensor {
  const { tf } = at;
  const values = at.get(id);
  const classes = at.axis(id, 1);
  const places = tf.tile(tf.reshape(tf.range(0, classes), [1, classes]), [at.axis(id, 0), 1]);
  const isLargest = tf.equal(values, tf.max(values, 1, true));
  const first = tf.min(tf.where(isLargest, places, tf.fill(places.shape, classes)), 1, true);
  return tf.cast(tf.equal(places, first), "float32");
}

export function hardDistillation({ reads, writes }: OperationOf<"hardDistillation">, at: Operands): void {
  const logProbabilities = logSoftmaxOf(at, at.get(reads.logits));
  at.set(writes.loss, crossEntropy(at, logProbabilities, oneHotOfLargest(at, reads.teacher)));
}

/** dLoss·(p − onehot) */
export function hardDistillationBackward(
  { reads, writes }: OperationOf<"hardDistillationBackward">,
  at: Operands,
): void {
  const { tf } = at;
  const difference = tf.sub(softmaxOf(at, at.get(reads.logits)), oneHotOfLargest(at, reads.teacher));
  at.set(writes.dLogits, tf.mul(perRow(at, reads.dLoss), difference));
}

/** τ²/C·Σ q·(log q − log p) */
export function softDistillation(
  { reads, writes, attributes }: OperationOf<"softDistillation">,
  at: Operands,
): void {
  const { tf } = at;
  const { tau } = attributes;
  const [logP, logQ] = [reads.logits, reads.teacher].map((id) =>
    logSoftmaxOf(at, tf.div(at.get(id), at.scalar(tau))),
  ) as [Tensor, Tensor];
  const sums = tf.sum(tf.mul(tf.exp(logQ), tf.sub(logQ, logP)), 1);
  at.set(writes.loss, tf.mul(sums, at.scalar((tau * tau) / at.axis(reads.logits, 1))));
}

/** dLoss·τ/C·(p − q) */
export function softDistillationBackward(
  { reads, writes, attributes }: OperationOf<"softDistillationBackward">,
  at: Operands,
): void {
  const { tf } = at;
  const { tau } = attributes;
  const [p, q] = [reads.logits, reads.teacher].map((id) =>
    softmaxOf(at, tf.div(at.get(id), at.scalar(tau))),
  ) as [Tensor, Tensor];
  const factor = tf.mul(perRow(at, reads.dLoss), at.scalar(tau / at.axis(reads.logits, 1)));
  at.set(writes.dLogits, tf.mul(factor, tf.sub(p, q)));
}
