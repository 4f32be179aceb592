// Channels: their mean over an image's pixels, and a factor for each. x [B,…,C], with P pixels between.

import type { OperationOf } from "../../../graph/catalog.js";
import type { TensorId } from "../../../graph/tensor.js";
import { elementCount } from "../../../graph/tensor.js";
import type { Operands } from "../operands.js";
import type { Tensor } from "../tfjs.js";

function sizes(at: Operands, x: TensorId): [batch: number, pixels: number, channels: number] {
  const shape = at.shape(x);
  return [shape[0], elementCount(shape.slice(1, -1)), shape.at(-1) as number];
}

/** [B,P,C] */
function pixelsOf(at: Operands, x: TensorId): Tensor {
  return at.get(x, sizes(at, x));
}

/** [B,1,C] */
function perImage(at: Operands, id: TensorId): Tensor {
  return at.get(id, [at.axis(id, 0), 1, at.axis(id, 1)]);
}

export function globalAveragePool({ reads, writes }: OperationOf<"globalAveragePool">, at: Operands): void {
  const [, pixels] = sizes(at, reads.x);
  at.set(writes.y, at.tf.mul(at.tf.sum(pixelsOf(at, reads.x), 1), at.scalar(1 / pixels)));
}

export function globalAveragePoolBackward(
  { reads, writes }: OperationOf<"globalAveragePoolBackward">,
  at: Operands,
): void {
  const { tf } = at;
  const [, pixels] = sizes(at, writes.dx);
  at.set(writes.dx, tf.tile(tf.mul(perImage(at, reads.dy), at.scalar(1 / pixels)), [1, pixels, 1]));
}

export function scaleChannels({ reads, writes }: OperationOf<"scaleChannels">, at: Operands): void {
  at.set(writes.y, at.tf.mul(pixelsOf(at, reads.x), perImage(at, reads.scale)));
}

export function scaleChannelsGradient(
  { reads, writes }: OperationOf<"scaleChannelsGradient">,
  at: Operands,
): void {
  const { tf } = at;
  at.set(writes.dScale, tf.sum(tf.mul(pixelsOf(at, reads.dy), pixelsOf(at, reads.x)), 1));
}
