// Arena: the memory that all programs of an executor work in, since only one of them runs at a time.
//
// A device's largest buffer is often much smaller than its memory, so the arena is cut: piece i has the bytes of every
// program's arena from i · pieceBytes on, and the planner lays no tensor across a cut.

import type { Device, Slice } from "./device.js";

/** The pieces at one time; others take their place when the largest demand changes. */
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

  get pieces(): Pieces {
    return this.#pieces;
  }

  /** `bytes` of a program's arena from `offset` on, which lie in one piece. */
  slice(offset: number, bytes: number): Slice {
    const index = Math.floor(offset / this.pieceBytes);
    return { buffer: this.#pieces[index] as GPUBuffer, offset: offset - index * this.pieceBytes, bytes };
  }

  /** Nothing where no program needs memory, else as many pieces as the largest demand fills. */
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
