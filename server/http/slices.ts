// Slices: long work on the event loop is done in slices, one slice in each turn of the loop, whichever requests the
// slices belong to. However many large JSON bodies are read at once, health checks wait for one slice at most.

/** Bytes of text that a slice looks at: about a millisecond. */
export const SLICE_BYTES = 256 * 1024;

let last: Promise<void> = Promise.resolve();

/** Resolves when it is this caller's turn, in the order of the calls. */
export function nextTurn(): Promise<void> {
  last = last.then(() => new Promise((resolve) => setImmediate(resolve)));
  return last;
}
