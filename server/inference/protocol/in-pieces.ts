// In pieces: a long loop on the serving thread pauses now and then, so that health checks and other calls are answered.

import { setImmediate as turn } from "node:timers/promises";

/** Elements of a typed array that are converted in about two milliseconds. */
export const ELEMENTS_PER_TURN = 1 << 19;

/** Calls `work(first, end)` for consecutive ranges of [0, total), at most `piece` each, one per turn of the event loop. */
export async function inPieces(
  total: number,
  piece: number,
  work: (first: number, end: number) => void,
): Promise<void> {
  for (let first = 0; first < total; first += piece) {
    if (first > 0) await turn();
    work(first, Math.min(total, first + piece));
  }
}
