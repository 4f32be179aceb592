// Fair order: whose images are computed next, where several callers wait (start-time fair queueing, Goyal et al. 1996). A
// caller's images count as if they came one after another, each when the one before it is done; a caller that had nothing
// starts where the others are. So a caller with hundreds of requests does not keep one with a few waiting, and nobody saves
// up turns. The requests of one caller stay in the order of their ranks; between callers priorities count for nothing, or
// each would call its own requests urgent.

import type { WaitingRequest } from "./waiting-request.js";

/** How long the device takes for an image of a request. */
type MsPerImage = (request: WaitingRequest) => number;

export class FairOrder {
  /** Milliseconds of the device that every caller which waits has had: the start of the image that was taken last. */
  #now = 0;
  /** What callers have had, of those with more than that. */
  readonly #served = new Map<string, number>();

  /** `queue`: by rank. */
  of(queue: readonly WaitingRequest[], msPerImage: MsPerImage): readonly WaitingRequest[] {
    const [first] = queue;
    if (queue.every(({ caller }) => caller === first?.caller)) return queue;
    const next = new Map<string, number>();
    const turns = queue.map((request) => {
      const { caller, waiting } = request;
      const turn = next.get(caller) ?? this.#startOf(caller);
      next.set(caller, turn + waiting * msPerImage(request));
      return { request, turn };
    });
    return turns.sort((a, b) => a.turn - b.turn).map(({ request }) => request);
  }

  /** Images of these requests were taken for a batch, in this order. */
  taken(requests: readonly WaitingRequest[], msPerImage: MsPerImage): void {
    for (const request of requests) {
      const start = this.#startOf(request.caller);
      this.#served.set(request.caller, start + msPerImage(request));
      this.#now = start;
    }
    for (const [caller, served] of this.#served) if (served <= this.#now) this.#served.delete(caller);
  }

  #startOf(caller: string): number {
    return Math.max(this.#now, this.#served.get(caller) ?? 0);
  }
}
