// Activations: ReLU, sigmoid and GELU, with their gradients. The slopes of ReLU and sigmoid are computed from the
// result; GELU is in normal-tail.ts.

import type { OperationOf } from "../../../graph/catalog.js";
import type { Operands } from "../operands.js";
import { bell, DENSITY, geluOf, upperTail } from "./normal-tail.js";

export function relu({ reads, writes }: OperationOf<"relu">, at: Operands): void {
  at.set(writes.y, at.tf.relu(at.get(reads.x)));
}

export function reluBackward({ reads, writes }: OperationOf<"reluBackward">, at: Operands): void {
  const { tf } = at;
  const dy = at.get(reads.dy);
  at.set(writes.dx, tf.where(tf.greater(at.get(reads.y), at.scalar(0)), dy, tf.zeros(dy.shape)));
}

export function sigmoid({ reads, writes }: OperationOf<"sigmoid">, at: Operands): void {
  at.set(writes.y, at.tf.sigmoid(at.get(reads.x)));
}

export function sigmoidBackward({ reads, writes }: OperationOf<"sigmoidBackward">, at: Operands): void {
  const { tf } = at;
  const y = at.get(reads.y);
  at.set(writes.dx, tf.mul(at.get(reads.dy), tf.mul(y, tf.sub(at.scalar(1), y))));
}

export function gelu({ reads, writes }: OperationOf<"gelu">, at: Operands): void {
  at.set(writes.y, geluOf(at, at.get(reads.x)));
}

export function geluBackward({ reads, writes }: OperationOf<"geluBackward">, at: Operands): void {
  const { tf } = at;
  const x = at.get(reads.x);
  const density = bell(at, x);
  const tail = upperTail(at, tf.abs(x), density);
  const phi = tf.where(tf.less(x, at.scalar(0)), tail, tf.sub(at.scalar(1), tail));
  const slope = tf.add(phi, tf.mul(tf.mul(x, at.scalar(DENSITY)), density));
  at.set(writes.dx, tf.mul(at.get(reads.dy), slope));
}
