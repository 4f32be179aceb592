// Interruption: lets a signal end the wait for the next batch, so that the loop can write its checkpoint and leave.

import { VitrineError } from "../runtime/errors.js";

/** The run was asked to stop (Ctrl-C, SIGTERM). */
export const INTERRUPTED = "training/interrupted";

/**
 * Items of `source` until `signal` fires; then throws `training/interrupted` at once, even while the source waits for
 * an item. The source's iteration is ended either way, without waiting for it: a generator that is stuck in a wait
 * would only answer after that.
 */
export async function* untilInterrupted<Item>(
  source: AsyncIterable<Item>,
  signal: AbortSignal,
): AsyncGenerator<Item, void> {
  const iterator = source[Symbol.asyncIterator]();
  let wake: () => void = () => {};
  const fired = new Promise<"fired">((resolve) => {
    wake = () => resolve("fired");
  });
  signal.addEventListener("abort", wake);
  try {
    while (!signal.aborted) {
      const next = await Promise.race([iterator.next(), fired]);
      if (next === "fired") break;
      if (next.done) return;
      yield next.value;
    }
    throw new VitrineError(INTERRUPTED, "the run was asked to stop");
  } finally {
    signal.removeEventListener("abort", wake);
    Promise.resolve(iterator.return?.()).catch(() => {});
  }
}
