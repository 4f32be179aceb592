// Arena: the one buffer that all programs of an executor work in, since only one of them runs at a time.

import type { Device } from "./device.js";

export class Arena {
  readonly #device: Device;
  readonly #demands = new Set<{ bytes: number }>();
  #buffer: GPUBuffer | undefined;

  constructor(device: Device) {
    this.#device = device;
  }

  /** A program's wish for `bytes`; the returned function takes it back. Throws `device/memory`. */
  demand(bytes: number): () => void {
    const demand = { bytes };
    this.#demands.add(demand);
    try {
      this.#fit();
    } catch (error) {
      this.#demands.delete(demand);
      throw error;
    }
    return () => {
      if (this.#demands.delete(demand)) this.#fit();
    };
  }

  /** The buffer now; another one takes its place when the largest demand grows. */
  get buffer(): GPUBuffer {
    this.#buffer ??= this.#device.createBuffer(this.#wanted(), "the arena of the programs");
    return this.#buffer;
  }

  #wanted(): number {
    return Math.max(0, ...[...this.#demands].map(({ bytes }) => bytes));
  }

  #fit(): void {
    const wanted = this.#wanted();
    if (wanted > 0 && wanted <= (this.#buffer?.size ?? 0)) return;
    if (this.#buffer) this.#device.destroyBuffer(this.#buffer);
    this.#buffer = undefined;
    if (wanted > 0) this.#buffer = this.#device.createBuffer(wanted, "the arena of the programs");
  }

  dispose(): void {
    this.#demands.clear();
    this.#fit();
  }
}
