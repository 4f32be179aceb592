// Transfer: values between the host and tfjs: conversion to tensors and back, and arrays that stay on the device.

import { VitrineError } from "../../errors.js";
import { elementCount, type Shape } from "../../graph/tensor.js";
import type { GpuBuffer } from "../../host/environment-types.js";
import type { DeviceArray } from "../device-store.js";
import type { Backend } from "./backend.js";
import type { Tensor, Tfjs } from "./tfjs.js";

type GpuCopy = ReturnType<Tensor["dataToGPU"]>;

export class TensorArray implements DeviceArray {
  readonly count: number;
  readonly #backend: Backend;
  readonly #tensor: Tensor;
  #copy: GpuCopy | undefined;

  /** Takes ownership of the tensor and protects it from tidy(). */
  constructor(backend: Backend, tensor: Tensor) {
    this.#backend = backend;
    this.#tensor = backend.tf.keep(tensor);
    this.count = elementCount(tensor.shape);
  }

  /** The values in another shape, as a tensor that shares them and that the caller owns. */
  view(shape: Shape): Tensor {
    const { tf } = this.#backend;
    return this.#backend.within(() => tf.reshape(this.#open(), shape));
  }

  /** The result of tfjs's dataToGPU: a copy on the device, valid until dispose(). */
  deviceBuffer(): GpuBuffer {
    if (!this.#backend.gpu)
      throw new VitrineError(
        "device/unsupported",
        `these values are not on a GPU but on ${this.#backend.description}: read() copies them to the host`,
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
    throw new VitrineError("graph/disposed", "values on the device were used after dispose()");
  }

  dispose(): void {
    this.#copy?.tensorRef.dispose();
    if (!this.#tensor.isDisposed) this.#tensor.dispose();
  }
}

/** tfjs uploads values when an operation reads them, so zero is added to them. */
function toGpu(tf: Tfjs, tensor: Tensor): GpuCopy {
  const sum = tf.add(tensor, tf.scalar(0));
  const copy = sum.dataToGPU();
  tf.keep(copy.tensorRef);
  return copy;
}

/** A tensor of a copy of the values. Bytes become int32, the smallest integer type of tfjs. */
export function toTensor(tf: Tfjs, values: Uint8Array | Float32Array, shape: readonly number[]): Tensor {
  if (values instanceof Uint8Array) return tf.tensor(Int32Array.from(values), shape, "int32");
  return tf.tensor(values.slice(), shape);
}

/** A copy of the tensor's values; disposes of the tensor. Never dataSync(), which does not work on webgpu in Node. */
export async function readFloats(backend: Backend, tensor: Tensor): Promise<Float32Array> {
  try {
    const values = await backend.reading(tensor.data());
    return Float32Array.from(values);
  } finally {
    tensor.dispose();
  }
}
