// Values: what a program is given becomes bytes of its buffers, and back. A float64 travels as two float32.

import type { ProgramInputs } from "../../graph/program.js";
import { elementCount } from "../../graph/shape.js";
import type { Tensor } from "../../graph/tensor.js";

type Given = ProgramInputs[string];

/** Dawn takes no shared memory, which decode workers write images to; a page may have none at all. */
function isUnshared(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer;
}

/** Bytes as the kernels read them, a multiple of 4 and not shared; without a copy where that is possible. */
export function toBytes(values: Given): Uint8Array<ArrayBuffer> {
  if (values instanceof Float64Array) return new Uint8Array(splitDoubles(values).buffer);
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (bytes.length % 4 === 0 && isUnshared(bytes)) return bytes;
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return padded;
}

/** Each value as (high, low), both float32, whose sum has 48 bits of it. */
function splitDoubles(values: Float64Array): Float32Array<ArrayBuffer> {
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
