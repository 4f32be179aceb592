// Traffic of a ring: bytes, and for which rank this one waited.

import type { CollectiveStatistics } from "./contract.js";
import type { Reduction } from "./reductions.js";

export class Traffic {
  readonly #rank: number;
  /** Milliseconds that this rank waited for each one. */
  readonly #waits: Float64Array;
  bytesSent = 0;
  bytesReceived = 0;

  constructor(rank: number, world: number) {
    this.#rank = rank;
    this.#waits = new Float64Array(world);
  }

  /** A completed reduction. Where this rank was the last one, the others waited. */
  note({ slowest, arrivedAt, calledAt }: Reduction): void {
    if (slowest === this.#rank || arrivedAt === null) return;
    this.#waits[slowest] += Math.max(0, arrivedAt - calledAt);
  }

  statistics(reductions: number): CollectiveStatistics {
    const waited = this.#waits.reduce((sum, wait) => sum + wait, 0);
    const slowest = this.#waits.indexOf(Math.max(...this.#waits));
    return {
      bytesSent: this.bytesSent,
      bytesReceived: this.bytesReceived,
      reductions,
      waitSeconds: waited / 1000,
      slowest: waited > 0 ? slowest : null,
      slowestFraction: waited > 0 ? this.#waits[slowest] / waited : 0,
    };
  }
}
