// Staging: a ring of buffers through which results come back. Several steps may be on their way, each with its own, and
// nothing waits for a buffer that another step holds; in the long run steps make none.

import { VitrineError } from "../../errors.js";
import type { ProgramInputs } from "../../graph/program.js";
import { elementCount } from "../../graph/shape.js";
import type { Tensor } from "../../graph/tensor.js";
import type { DeviceArray } from "../executor.js";
import { BufferUsage, type Device, MAP_READ, type Slice } from "./device.js";

/** Where results were copied to; `read` may be called once. */
export interface Staged {
  readonly buffer: GPUBuffer;
  /** Asks for the bytes once the GPU has come so far, and gives a copy of them. */
  read(): Promise<ArrayBuffer>;
}

/** More idle buffers than this are destroyed: what a run with a large output left behind. */
const KEPT = 8;
const SMALLEST = 1024;

export class Staging {
  readonly #device: Device;
  readonly #idle: GPUBuffer[] = [];

  constructor(device: Device) {
    this.#device = device;
  }

  /** A buffer of at least `bytes`, a multiple of 4, as the destination of copies. */
  take(bytes: number): Staged {
    const index = this.#idle.findIndex(({ size }) => size >= bytes && size <= 4 * Math.max(bytes, SMALLEST));
    const [found] = index < 0 ? [] : this.#idle.splice(index, 1);
    const size = 2 ** Math.ceil(Math.log2(Math.max(bytes, SMALLEST)));
    const usage = BufferUsage.mapRead | BufferUsage.copyDestination;
    const buffer = found ?? this.#device.createBuffer(size, "results", usage);
    return { buffer, read: () => this.#read(buffer, bytes) };
  }

  async #read(buffer: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
    try {
      await buffer.mapAsync(MAP_READ, 0, bytes);
    } catch (cause) {
      // The loss of the device is told to its listeners after the buffers are refused.
      await new Promise((resolve) => setTimeout(resolve));
      this.#device.check();
      throw cause;
    }
    const copy = buffer.getMappedRange(0, bytes).slice(0);
    buffer.unmap();
    this.#idle.push(buffer);
    const [oldest] = this.#idle.length > KEPT ? this.#idle.splice(0, 1) : [];
    if (oldest) this.#device.destroyBuffer(oldest);
    this.#device.check();
    return copy;
  }

  dispose(): void {
    for (const buffer of this.#idle.splice(0)) this.#device.destroyBuffer(buffer);
  }
}

// Buffer array: float32 values in a buffer of their own, that stay on the GPU until somebody reads them.

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

// Values: what a program is given becomes bytes of its buffers, and back. A float64 travels as two float32.

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
