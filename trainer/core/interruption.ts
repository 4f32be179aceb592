// Interruption: Ctrl-C and SIGTERM end a run between two batches, of training as of a validation.

import { VitrineError } from "../../runtime/errors.js";

/** The run was asked to stop (Ctrl-C, SIGTERM). */
export const INTERRUPTED = "training/interrupted";

export const interrupted = (): VitrineError => new VitrineError(INTERRUPTED, "the run was asked to stop");

/**
 * Items of `source` until `signal` fires; then throws `training/interrupted` at once, even while the source waits for
 * an item. The source's iteration is ended either way, without waiting for it: a generator that is stuck in a wait
 * would answer only after that.
 */
export async function* untilInterrupted<Item>(
  source: AsyncIterable<Item>,
  signal: AbortSignal,
): AsyncGenerator<Item, void> {
  const iterator = source[Symbol.asyncIterator]();
  // Not Promise.race with one promise for the signal: that keeps every item's reaction until the signal fires.
  let onFired: () => void = () => {};
  const wake = () => onFired();
  const nextOrFired = () =>
    new Promise<IteratorResult<Item> | "fired">((resolve, reject) => {
      onFired = () => resolve("fired");
      iterator.next().then(resolve, reject);
    });
  signal.addEventListener("abort", wake);
  try {
    while (!signal.aborted) {
      const next = await nextOrFired();
      if (next === "fired") break;
      if (next.done) return;
      yield next.value;
    }
    throw interrupted();
  } finally {
    signal.removeEventListener("abort", wake);
    Promise.resolve(iterator.return?.()).catch(() => {});
  }
}

/** Throws `training/interrupted` if `signal` has fired before anything was trained. */
export function expectNotInterrupted(signal: AbortSignal): void {
  if (signal.aborted) throw new VitrineError(INTERRUPTED, "stopped before the first step");
}
