// Activations of convolutional networks: ReLU and sigmoid; both slopes follow from the result.

import type { OperationOf } from "../../../graph/catalog.js";
import type { Operands } from "../operands.js";

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
