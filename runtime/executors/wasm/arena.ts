// Arena: the one piece of memory that all programs of an executor work in, since only one of them runs at a time.

import type { LinearMemory, Piece } from "./linear-memory.js";

export class Arena {
  readonly #memory: LinearMemory;
  readonly #demands = new Set<{ bytes: number }>();
  #piece: Piece | undefined;

  constructor(memory: LinearMemory) {
    this.#memory = memory;
  }

  /** A program's wish for `bytes`; the returned function takes it back. */
  demand(bytes: number): () => void {
    const demand = { bytes };
    this.#demands.add(demand);
    try {
      this.#fit();
    } catch (error) {
      this.#demands.delete(demand);
      this.#fit();
      throw error;
    }
    return () => {
      if (this.#demands.delete(demand)) this.#fit();
    };
  }

  /** Where the arena begins now; it moves when the largest demand changes. */
  get address(): number {
    return this.#piece?.address ?? 0;
  }

  #fit(): void {
    const wanted = Math.max(0, ...[...this.#demands].map(({ bytes }) => bytes));
    const held = this.#piece?.bytes ?? 0;
    if (wanted <= held && wanted > 0) return;
    if (this.#piece) this.#memory.release(this.#piece);
    this.#piece = undefined;
    if (wanted > 0) this.#piece = this.#memory.allocate(wanted, "the arena of a program");
  }
}
