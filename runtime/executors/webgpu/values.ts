// Values: what a program is given becomes bytes of its buffers, and back. A float64 travels as two float32.

import { VitrineError } from "../../errors.js";
import type { ProgramInputs } from "../../graph/program.js";
import { elementCount } from "../../graph/shape.js";
import { ELEMENT_BYTES, type ElementType, type Tensor } from "../../graph/tensor.js";

type Given = ProgramInputs[string];

function elementTypeOf(values: Given): ElementType {
  if (values instanceof Float32Array) return "float32";
  return values instanceof Float64Array ? "float64" : "uint8";
}

/** The values if they fit the tensor. Throws `graph/input`. */
export function checkedInput(
  program: string,
  input: string,
  tensor: Tensor,
  values: Given | undefined,
): Given {
  const wanted = elementCount(tensor.shape);
  const fits =
    values &&
    elementTypeOf(values) === tensor.dtype &&
    values.byteLength === wanted * ELEMENT_BYTES[tensor.dtype];
  if (fits) return values;
  const got = values ? `${values.length} values of ${elementTypeOf(values)}` : "nothing";
  throw new VitrineError(
    "graph/input",
    `${program}: input ${input} got ${got}, wanted ${wanted} of ${tensor.dtype}`,
    { details: { input, wanted, got } },
  );
}

/** Bytes as the kernels read them, a multiple of 4; without a copy where that is possible. */
export function toBytes(values: Given): Uint8Array<ArrayBufferLike> {
  if (values instanceof Float64Array) return new Uint8Array(splitDoubles(values).buffer);
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (bytes.length % 4 === 0) return bytes;
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return padded;
}

/** Each value as (high, low), both float32, whose sum has 48 bits of it. */
function splitDoubles(values: Float64Array): Float32Array {
  const pairs = new Float32Array(2 * values.length);
  values.forEach((value, i) => {
    const high = Math.fround(value);
    pairs[2 * i] = high;
    pairs[2 * i + 1] = Number.isFinite(high) ? value - high : 0;
  });
  return pairs;
}

/** A copy of a tensor's values out of `bytes`, which begin at `offset`. */
export function fromBytes(bytes: ArrayBuffer, offset: number, tensor: Tensor): Float32Array | Float64Array {
  const count = elementCount(tensor.shape);
  if (tensor.dtype !== "float64") return new Float32Array(bytes, offset, count).slice();
  const pairs = new Float32Array(bytes, offset, 2 * count);
  return Float64Array.from(
    { length: count },
    (_, i) => (pairs[2 * i] as number) + (pairs[2 * i + 1] as number),
  );
}
