// Arena: the memory that all programs of an executor share, since only one of them runs at a time.
//
// A device's largest buffer is often much smaller than its memory, so the arena consists of pieces: piece i holds the
// bytes of every program's arena from i · pieceBytes on, and the planner places no tensor across two pieces.

import type { Device, Slice } from "./device.js";

/** The current buffers; new ones replace them when the largest demand changes. */
export type Pieces = readonly GPUBuffer[];

export class Arena {
  readonly pieceBytes: number;
  readonly #device: Device;
  readonly #demands = new Set<{ bytes: number }>();
  #pieces: Pieces = [];

  constructor(device: Device, pieceBytes: number) {
    this.#device = device;
    this.pieceBytes = pieceBytes;
  }

  /** Reserves `bytes` for a program; the returned function releases them. Throws `device/memory`. */
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

  get pieces(): Pieces {
    return this.#pieces;
  }

  /** `bytes` of a program's arena from `offset` on, which are in one piece. */
  slice(offset: number, bytes: number): Slice {
    const index = Math.floor(offset / this.pieceBytes);
    return { buffer: this.#pieces[index], offset: offset - index * this.pieceBytes, bytes };
  }

  /** As many pieces as the largest demand fills, none where there is no demand. */
  #fit(): void {
    const wanted = Math.max(0, ...[...this.#demands].map(({ bytes }) => bytes));
    const held = this.#pieces.reduce((sum, { size }) => sum + size, 0);
    if (wanted > 0 && wanted <= held) return;
    for (const piece of this.#pieces) this.#device.destroyBuffer(piece);
    const pieces: GPUBuffer[] = [];
    this.#pieces = pieces;
    for (let first = 0; first < wanted; first += this.pieceBytes) {
      const bytes = Math.min(this.pieceBytes, wanted - first);
      pieces.push(this.#device.createBuffer(bytes, "the arena of the programs"));
    }
  }

  dispose(): void {
    this.#demands.clear();
    this.#fit();
  }
}
