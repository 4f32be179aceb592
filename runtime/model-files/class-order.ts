// Class order: a classifier with its classes in another order. Its heads' rows move, and with them its logits, bit for bit.

import type { NamedTensor } from "../weights/tensor-map.js";
import type { OpenClassifier } from "./read-model.js";

/** Last layers of both families, [classes, width] and [classes]. */
const HEADS = ["head", "head_dist", "head.fc"];

/** `order`: class index that comes to each place, a permutation. */
export function inClassOrder(opened: OpenClassifier, order: Int32Array): OpenClassifier {
  const weights = new Map(opened.weights);
  for (const name of HEADS.flatMap((head) => [`${head}.weight`, `${head}.bias`])) {
    const tensor = weights.get(name);
    if (tensor) weights.set(name, rowsInOrder(tensor, order));
  }
  return { ...opened, weights, labels: Array.from(order, (index) => opened.labels[index] as string) };
}

function rowsInOrder({ shape, data }: NamedTensor, order: Int32Array): NamedTensor {
  const width = data.length / order.length;
  const moved = new Float32Array(data.length);
  order.forEach((from, to) => {
    moved.set(data.subarray(from * width, (from + 1) * width), to * width);
  });
  return { shape, data: moved };
}
