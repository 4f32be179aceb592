// Values: what a program is given becomes tensors, and tensors become arrays again.

import { VitrineError } from "../../errors.js";
import type { ProgramInputs } from "../../graph/program.js";
import { elementCount } from "../../graph/shape.js";
import type { ElementType, Tensor as GraphTensor } from "../../graph/tensor.js";
import type { Backend } from "./backend.js";
import type { Tensor, Tfjs } from "./tfjs.js";

type Given = ProgramInputs[string];

function elementTypeOf(values: Given): ElementType {
  if (values instanceof Float32Array) return "float32";
  return values instanceof Float64Array ? "float64" : "uint8";
}

/** The values if they fit the tensor. Throws `graph/input`. */
export function checkedInput(
  program: string,
  input: string,
  tensor: GraphTensor,
  values: Given | undefined,
): Given {
  const wanted = elementCount(tensor.shape);
  if (values && elementTypeOf(values) === tensor.dtype && values.length === wanted) return values;
  const got = values ? `${values.length} values of ${elementTypeOf(values)}` : "nothing";
  throw new VitrineError(
    "graph/input",
    `${program}: input ${input} got ${got}, wanted ${wanted} of ${tensor.dtype}`,
    { details: { input, wanted, got } },
  );
}

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
