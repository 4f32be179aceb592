// Memory budget: what the models of a server may take together. A model is planned from the sizes in its files before
// a byte of its weights is read, and counted by what it really takes once it is loaded.

import { formatBytes } from "../../../runtime/bytes.js";
import { VitrineError } from "../../../runtime/errors.js";

export interface Reservation {
  /** What the model really takes. Throws `model/memory`. */
  settle(bytes: number): void;
  release(): void;
}

export class MemoryBudget {
  /** Infinity: no limit. */
  readonly limitBytes: number;
  readonly #held = new Map<object, number>();

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return [...this.#held.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Throws `model/memory` with the numbers. `what` is the subject of the text, such as `model "a", version 2`. */
  reserve(what: string, bytes: number): Reservation {
    const key = {};
    this.#take(key, what, bytes, "to load");
    return {
      settle: (actual) => this.#take(key, what, actual, "when loaded"),
      release: () => void this.#held.delete(key),
    };
  }

  #take(key: object, what: string, bytes: number, when: string): void {
    this.#held.delete(key);
    const used = this.usedBytes;
    if (used + bytes > this.limitBytes) {
      const text =
        `${what} takes ${formatBytes(bytes)} ${when}; other models take ${formatBytes(used)}; allowed: ` +
        `${formatBytes(this.limitBytes)} together. Unload a model, or start the server with a larger --memory`;
      throw new VitrineError("model/memory", text, { details: { bytes, used, limit: this.limitBytes } });
    }
    this.#held.set(key, bytes);
  }
}
