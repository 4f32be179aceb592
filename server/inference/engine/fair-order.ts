// Fair order: whose images are computed next, where several callers wait. Each caller's requests count as if they came one
// after another, at the pace at which its share of the device computes them (start-time fair queueing, Goyal et al. 1996):
// a caller with hundreds of requests does not keep one with a few waiting. The requests of one caller stay in the order
// of their ranks; between callers priorities count for nothing, or each would call its own requests urgent.

import type { WaitingRequest } from "./waiting-request.js";

type MsPerImage = (request: WaitingRequest) => number;

export class FairOrder {
  /** Until when a caller has had its share, by performance.now(). */
  readonly #servedUntil = new Map<string, number>();

  /** `queue`: by rank. `msPerImage`: how long the device takes for an image of a request. */
  of(queue: readonly WaitingRequest[], msPerImage: MsPerImage): readonly WaitingRequest[] {
    const callers = countCallers(queue);
    if (callers === 1) return queue;
    const servedUntil = new Map(this.#servedUntil);
    const lastTurn = new Map<string, number>();
    const ranked = queue.map((request) => {
      const { caller, since, waiting } = request;
      const start = Math.max(since, servedUntil.get(caller) ?? 0);
      servedUntil.set(caller, start + callers * waiting * msPerImage(request));
      const turn = Math.max(start, lastTurn.get(caller) ?? 0);
      lastTurn.set(caller, turn);
      return { request, turn };
    });
    return ranked.sort((a, b) => a.turn - b.turn).map(({ request }) => request);
  }

  /** Images of requests were taken for a batch; `queue`: as it was before. */
  taken(requests: readonly WaitingRequest[], queue: readonly WaitingRequest[], msPerImage: MsPerImage): void {
    const callers = countCallers(queue);
    for (const request of requests) {
      const { caller, since } = request;
      const start = Math.max(since, this.#servedUntil.get(caller) ?? 0);
      this.#servedUntil.set(caller, start + callers * msPerImage(request));
    }
    // Who waits for nothing more and was served until now has no past.
    const now = performance.now();
    for (const [caller, until] of this.#servedUntil)
      if (until <= now && queue.every((request) => request.caller !== caller))
        this.#servedUntil.delete(caller);
  }
}

function countCallers(queue: readonly WaitingRequest[]): number {
  const [first] = queue;
  if (queue.every(({ caller }) => caller === first?.caller)) return 1;
  return new Set(queue.map(({ caller }) => caller)).size;
}
