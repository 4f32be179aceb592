// Linear: y = act(x·weightᵀ + bias) + residual, and its gradients. x […,K], weight [M,K], y […,M]; one matMul each.

import type { OperationOf } from "../../../graph/catalog.js";
import type { Operands } from "../operands.js";
import { geluOf } from "./normal-tail.js";

export function linear({ reads, writes, attributes }: OperationOf<"linear">, at: Operands): void {
  const { tf } = at;
  const { x, weight, bias, residual } = reads;
  let y = tf.matMul(at.matrix(x), at.get(weight), false, true);
  if (bias !== undefined) y = tf.add(y, at.get(bias));
  if (attributes.gelu) y = geluOf(at, y);
  if (residual !== undefined) y = tf.add(y, at.matrix(residual));
  at.set(writes.y, y);
}

export function linearInputGradient(
  { reads, writes }: OperationOf<"linearInputGradient">,
  at: Operands,
): void {
  at.set(writes.dx, at.tf.matMul(at.matrix(reads.dy), at.get(reads.weight)));
}

export function linearWeightGradient(
  { reads, adds }: OperationOf<"linearWeightGradient">,
  at: Operands,
): void {
  const { tf } = at;
  const dy = at.matrix(reads.dy);
  at.add(adds.dWeight, tf.matMul(dy, at.matrix(reads.x), true, false));
  if (adds.dBias !== undefined) at.add(adds.dBias, tf.sum(dy, 0));
}
