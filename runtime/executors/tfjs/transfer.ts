// Tensor array: float32 values as a tensor of tfjs, that stay on its device until somebody reads them.

import { VitrineError } from "../../errors.js";
import { elementCount, type Shape } from "../../graph/shape.js";
import type { GpuBuffer } from "../../host/environment-types.js";
import type { DeviceArray } from "../executor.js";
import type { Backend } from "./backend.js";
import type { Tensor, Tfjs } from "./tfjs.js";

type GpuCopy = ReturnType<Tensor["dataToGPU"]>;

export class TensorArray implements DeviceArray {
  readonly count: number;
  readonly #backend: Backend;
  readonly #tensor: Tensor;
  #copy: GpuCopy | undefined;

  /** Takes the tensor over; it stays where tidy() ends. */
  constructor(backend: Backend, tensor: Tensor) {
    this.#backend = backend;
    this.#tensor = backend.tf.keep(tensor);
    this.count = elementCount(tensor.shape);
  }

  /** The values in another shape: a tensor that shares them, and is the caller's. */
  view(shape: Shape): Tensor {
    const { tf } = this.#backend;
    return this.#backend.within(() => tf.reshape(this.#open(), shape));
  }

  /** What tfjs's dataToGPU gives: a copy on the device, which lasts until dispose(). */
  deviceBuffer(): GpuBuffer {
    if (!this.#backend.gpu)
      throw new VitrineError(
        "device/unsupported",
        `these values are on no GPU: ${this.#backend.description}`,
      );
    const { tf } = this.#backend;
    if (!this.#copy)
      this.#backend.within(() =>
        tf.tidy(() => {
          this.#copy = toGpu(tf, this.#open());
        }),
      );
    return this.#copy?.buffer as GpuBuffer;
  }

  async read(): Promise<Float32Array> {
    return readFloats(this.#backend, this.view([this.count]));
  }

  #open(): Tensor {
    if (!this.#tensor.isDisposed) return this.#tensor;
    throw new VitrineError("graph/disposed", "values on the device are asked for after dispose()");
  }

  dispose(): void {
    this.#copy?.tensorRef.dispose();
    if (!this.#tensor.isDisposed) this.#tensor.dispose();
  }
}

/** tfjs sends values to the GPU when an operation reads them, so they are added to nothing. */
function toGpu(tf: Tfjs, tensor: Tensor): GpuCopy {
  const sum = tf.add(tensor, tf.scalar(0));
  const copy = sum.dataToGPU();
  tf.keep(copy.tensorRef);
  return copy;
}

// Values: what a program is given becomes tensors, and tensors become arrays again.

/**
 * Bytes become int32, which is the smallest integer that tfjs computes with. The tensor keeps no array of the
 * caller's.
 */
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
