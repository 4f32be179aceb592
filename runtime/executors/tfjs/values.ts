// Values: what a program is given becomes tensors, and tensors become arrays again.

import type { Backend } from "./backend.js";
import type { Tensor, Tfjs } from "./tfjs.js";

/** Bytes become int32, which is the smallest integer that tfjs computes with. The tensor keeps no array of the caller's. */
export function toTensor(tf: Tfjs, values: Uint8Array | Float32Array, shape: readonly number[]): Tensor {
  if (values instanceof Uint8Array) return tf.tensor(Int32Array.from(values), shape, "int32");
  return tf.tensor(values.slice(), shape);
}

/** A copy of the tensor's values, and an end of the tensor. Never dataSync(): on webgpu it works nowhere in Node. */
export async function readFloats(backend: Backend, tensor: Tensor): Promise<Float32Array> {
  try {
    const values = await backend.reading(tensor.data());
    return Float32Array.from(values);
  } finally {
    tensor.dispose();
  }
}
