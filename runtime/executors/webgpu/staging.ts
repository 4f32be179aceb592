// Staging: a ring of buffers through which results come back. Several steps may be on their way, each with its own, and
// nothing waits for a buffer that another step holds; in the long run steps make none.

import { BufferUsage, MAP_READ } from "./buffers.js";
import type { Device } from "./device.js";

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
