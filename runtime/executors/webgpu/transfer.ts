// Transfer: values on their way between the host and the GPU: conversion to bytes, staging buffers for results, and
// arrays that stay on the device.

import { VitrineError } from "../../errors.js";
import type { ProgramInputs } from "../../graph/program.js";
import type { Tensor } from "../../graph/tensor.js";
import { elementCount } from "../../graph/tensor.js";
import type { DeviceArray } from "../device-store.js";
import { BufferUsage, type Device, MAP_READ, type Slice } from "./device.js";

/**
 * Dawn does not accept shared memory, which decode threads write images to; a page may have no shared memory at all.
 */
function isUnshared(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer;
}

/**
 * An input as the kernels read it: a multiple of 4 bytes, not shared, copied only where necessary. A float64 becomes
 * two float32.
 */
export function toBytes(values: ProgramInputs[string]): Uint8Array<ArrayBuffer> {
  if (values instanceof Float64Array) return new Uint8Array(splitDoubles(values).buffer);
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (bytes.length % 4 === 0 && isUnshared(bytes)) return bytes;
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return padded;
}

/** Each value as (high, low), both float32, whose sum keeps 48 of its bits. */
function splitDoubles(values: Float64Array): Float32Array<ArrayBuffer> {
  const pairs = new Float32Array(2 * values.length);
  values.forEach((value, i) => {
    const high = Math.fround(value);
    pairs[2 * i] = high;
    pairs[2 * i + 1] = Number.isFinite(high) ? value - high : 0;
  });
  return pairs;
}

/** A copy of a tensor's values, which start at byte `offset`. */
export function fromBytes(bytes: ArrayBuffer, offset: number, tensor: Tensor): Float32Array | Float64Array {
  const count = elementCount(tensor.shape);
  if (tensor.dtype !== "float64") return new Float32Array(bytes, offset, count).slice();
  const pairs = new Float32Array(bytes, offset, 2 * count);
  return Float64Array.from({ length: count }, (_, i) => pairs[2 * i] + pairs[2 * i + 1]);
}

/** A staging buffer as the destination of copies; `read` may be called once. */
export interface Staged {
  readonly buffer: GPUBuffer;
  /** Waits until the GPU has filled the buffer, and returns a copy of the bytes. */
  read(): Promise<ArrayBuffer>;
}

/** Idle buffers beyond this number are destroyed, such as one that a run with a large output left behind. */
const KEPT = 8;
const SMALLEST = 1024;

/**
 * A ring of mappable buffers through which results return to the host. Several steps can be in flight, each with its
 * own buffer, so no step waits for a buffer of another one; in the steady state no buffer is created.
 */
export class Staging {
  readonly #device: Device;
  readonly #idle: GPUBuffer[] = [];

  constructor(device: Device) {
    this.#device = device;
  }

  /** A buffer of at least `bytes`, a multiple of 4. */
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
      // The event that the device is lost arrives after its buffers are rejected.
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

/** Float32 values in a buffer of their own, which stay on the GPU until they are read. */
export class BufferArray implements DeviceArray {
  readonly count: number;
  readonly #device: Device;
  readonly #staging: Staging;
  #buffer: GPUBuffer | undefined;

  /** The buffer has exactly `count` values: a consumer of the buffer takes all of it as values. */
  constructor(device: Device, staging: Staging, count: number) {
    this.count = count;
    this.#device = device;
    this.#staging = staging;
    this.#buffer = device.createExactBuffer(4 * count, "values");
  }

  deviceBuffer(): GPUBuffer {
    if (this.#buffer) return this.#buffer;
    throw new VitrineError("graph/disposed", "values on the GPU were used after dispose()");
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
