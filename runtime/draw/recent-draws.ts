// Recent draws: what was drawn for the last batches. Each rank of a run needs the mixes of the whole global batch, and one
// data server serves them all: of a batch of 32,768 samples they take 30 to 60 ms of its serving thread.

import type { BatchDraw } from "./draw.js";

/** Samples of all draws that are kept: eight batches of 32,768, in about 30 MB. Ranks are a few batches apart at most. */
const MOST_SAMPLES = 2 ** 18;
/** Small batches are many: 32,768 of 8 samples would take 15 MB, which a server without ranks never needs. */
const MOST_DRAWS = 1024;

export class RecentDraws {
  /** By all that the draw depends on; the one that was used last at the end. */
  readonly #draws = new Map<string, BatchDraw>();
  #samples = 0;

  /** The draw of `id`, by `draw` where it is not kept. */
  get(id: string, draw: () => BatchDraw): BatchDraw {
    const found = this.#draws.get(id) ?? draw();
    const isNew = !this.#draws.delete(id);
    if (found.samples.length > MOST_SAMPLES) return found;
    this.#draws.set(id, found);
    if (isNew) this.#samples += found.samples.length;
    for (const [oldest, { samples }] of this.#draws) {
      if (this.#samples <= MOST_SAMPLES && this.#draws.size <= MOST_DRAWS) break;
      this.#draws.delete(oldest);
      this.#samples -= samples.length;
    }
    return found;
  }
}
