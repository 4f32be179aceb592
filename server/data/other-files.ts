// Other files: those of a data set that are no pictures and were left out, counted by their endings.

import { extname } from "node:path";
import { byCodePoint } from "../../runtime/batches/code-point-order.js";
import { quote } from "../../runtime/errors.js";

/** As many endings are named in a text. */
const MOST_ENDINGS = 4;

export class OtherFiles {
  readonly #counts = new Map<string, number>();

  add(name: string): void {
    this.addKind(extname(name).toLowerCase() || "without an ending");
  }

  addKind(kind: string, count = 1): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + count);
  }

  addAll(others: OtherFiles): void {
    for (const [kind, count] of others.#counts) this.addKind(kind, count);
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** "30 .heic, 5 .txt", the most frequent first. */
  describe(): string {
    const sorted = [...this.#counts].sort(([a, n], [b, m]) => m - n || byCodePoint(a, b));
    const named = sorted.slice(0, MOST_ENDINGS).map(([ending, count]) => `${count} ${quote(ending)}`);
    return named.join(", ") + (sorted.length > MOST_ENDINGS ? ", …" : "");
  }
}
