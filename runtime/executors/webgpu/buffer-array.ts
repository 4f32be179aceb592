// Buffer array: float32 values in a buffer of their own, that stay on the GPU until somebody reads them.

import { VitrineError } from "../../errors.js";
import type { DeviceArray } from "../executor.js";
import type { Slice } from "./buffers.js";
import type { Device } from "./device.js";
import type { Staging } from "./staging.js";

export class BufferArray implements DeviceArray {
  readonly count: number;
  readonly #staging: Staging;
  readonly #device: Device;
  #buffer: GPUBuffer | undefined;

  /** Exactly as large as its values: whoever takes the buffer takes all of it for values. */
  constructor(device: Device, staging: Staging, count: number) {
    this.count = count;
    this.#device = device;
    this.#staging = staging;
    this.#buffer = device.createExactBuffer(4 * count, "values");
  }

  deviceBuffer(): GPUBuffer {
    if (this.#buffer) return this.#buffer;
    throw new VitrineError("graph/disposed", "values on the GPU are asked for after dispose()");
  }

  /** Encodes the copy that fills the array. */
  copyFrom(encoder: GPUCommandEncoder, { buffer, offset }: Slice): void {
    encoder.copyBufferToBuffer(buffer, offset, this.deviceBuffer(), 0, 4 * this.count);
  }

  async read(): Promise<Float32Array> {
    const { gpu } = this.#device;
    const staged = this.#staging.take(4 * this.count);
    const encoder = gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(this.deviceBuffer(), 0, staged.buffer, 0, 4 * this.count);
    gpu.queue.submit([encoder.finish()]);
    return new Float32Array(await staged.read());
  }

  dispose(): void {
    if (this.#buffer) this.#device.destroyBuffer(this.#buffer);
    this.#buffer = undefined;
  }
}
