// Slices: long work on the event loop is done in slices, one slice in each turn of the loop, whichever requests the
// slices belong to. However many large messages are read or written at once, health checks wait for one slice at most.

/** Bytes of text that a slice looks at: about a millisecond. */
export const SLICE_BYTES = 256 * 1024;

/** Elements of a typed array that are converted in about two milliseconds. */
export const SLICE_ELEMENTS = 1 << 19;

let last: Promise<void> = Promise.resolve();

/** Resolves when it is this caller's turn, in the order of the calls. */
export function nextTurn(): Promise<void> {
  last = last.then(() => new Promise((resolve) => setImmediate(resolve)));
  return last;
}

/** Calls `work(first, end)` for consecutive ranges of [0, total), at most `size` each, one in each turn. */
export async function inSlices(
  total: number,
  size: number,
  work: (first: number, end: number) => void,
): Promise<void> {
  for (let first = 0; first < total; first += size) {
    if (first > 0) await nextTurn();
    work(first, Math.min(total, first + size));
  }
}
