// Convolution and its gradients. tfjs has no grouped convolution: each group is a separate convolution of its slice of
// the channels.
//
// x [B,H,W,I], weight [O,K,K,I/G], y [B,OH,OW,O], channels last; tfjs takes filters as [K,K,I/G,O/G].

import type { OperationOf } from "../../../graph/catalog.js";
import type { TensorId } from "../../../graph/tensor.js";
import type { Operands } from "../operands.js";
import type { Tensor } from "../tfjs.js";

const CHANNELS = 3;

/** The parts of channels that belong to each group. */
function grouped(at: Operands, x: Tensor, groups: number, axis = CHANNELS): Tensor[] {
  return groups === 1 ? [x] : at.tf.split(x, groups, axis);
}

function joined(at: Operands, parts: Tensor[], axis = CHANNELS): Tensor {
  return parts.length === 1 ? parts[0] : at.tf.concat(parts, axis);
}

/** A filter [K,K,I/G,O/G] for each group. */
function filters(at: Operands, weight: TensorId, groups: number): Tensor[] {
  return grouped(at, at.get(weight), groups, 0).map((part) => at.tf.transpose(part, [1, 2, 3, 0]));
}

export function conv2d({ reads, writes, attributes }: OperationOf<"conv2d">, at: Operands): void {
  const { tf } = at;
  const { stride, padding, groups } = attributes;
  const images = grouped(at, at.get(reads.x), groups);
  const parts = filters(at, reads.weight, groups).map((filter, group) =>
    tf.conv2d(images[group], filter, stride, padding),
  );
  const y = joined(at, parts);
  at.set(writes.y, reads.bias === undefined ? y : tf.add(y, at.get(reads.bias)));
}

export function conv2dInputGradient(
  { reads, writes, attributes }: OperationOf<"conv2dInputGradient">,
  at: Operands,
): void {
  const { tf } = at;
  const { stride, padding, groups } = attributes;
  const gradients = grouped(at, at.get(reads.dy), groups);
  const [batch, height, width, channels] = at.shape(writes.dx) as [number, number, number, number];
  const shape = [batch, height, width, channels / groups];
  const parts = filters(at, reads.weight, groups).map((filter, group) =>
    tf.conv2dTranspose(gradients[group], filter, shape, stride, padding),
  );
  at.set(writes.dx, joined(at, parts));
}

export function conv2dWeightGradient(
  { reads, adds, attributes }: OperationOf<"conv2dWeightGradient">,
  at: Operands,
): void {
  const { tf } = at;
  const { groups } = attributes;
  const dy = at.get(reads.dy);
  const images = grouped(at, at.get(reads.x), groups);
  const [outputs, kernel, , inputs] = at.shape(adds.dWeight) as [number, number, number, number];
  const filterShape = [kernel, kernel, inputs, outputs / groups];
  const parts = grouped(at, dy, groups).map((gradient, group) =>
    tf.transpose(filterGradient(at, images[group], gradient, filterShape, attributes), [3, 0, 1, 2]),
  );
  at.add(adds.dWeight, joined(at, parts, 0));
  if (adds.dBias !== undefined) at.add(adds.dBias, tf.sum(dy, [0, 1, 2]));
}

/** tfjs exports no function for it, only the kernel. */
function filterGradient(
  { tf }: Operands,
  x: Tensor,
  dy: Tensor,
  filterShape: number[],
  { stride, padding }: { stride: number; padding: number },
): Tensor {
  const attributes = { strides: stride, pad: padding, dataFormat: "NHWC", filterShape };
  return tf.engine().runKernel("Conv2DBackpropFilter", { x, dy }, attributes);
}
