// Stopping: how a run ends before its last step, by a signal or by an error, and what its user can do then.

import { join } from "node:path";
import type { Cursor } from "../runtime/batches/batch-source.js";
import { isVitrineError, quote, VitrineError } from "../runtime/errors.js";
import { LAST } from "./checkpoint/save.js";

/** The run was asked to stop (Ctrl-C, SIGTERM). */
export const INTERRUPTED = "training/interrupted";
const NOT_FINITE = "training/not-finite";

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

/** A loss or gradient that no further step can repair, and that a resumed run would produce again. */
export function notFinite(what: string, { epoch, batch }: Cursor): VitrineError {
  return new VitrineError(
    NOT_FINITE,
    `${what} at batch ${batch} of epoch ${epoch} (both counted from 0): start a new run with a lower --lr, or with ` +
      "--clip-grad 1",
    { details: { epoch, batch } },
  );
}

/** The same error, with how to continue from RUN/last, which holds step `step`. */
export function withCheckpoint(error: unknown, folder: string, step: number): unknown {
  if (!isVitrineError(error)) return error;
  const last = quote(join(folder, LAST));
  const hint =
    error.code === NOT_FINITE
      ? `--init ${last} starts from the weights of step ${step}`
      : `${last} holds step ${step}; continue with --resume`;
  const text = error.code === INTERRUPTED ? `stopped: ${hint}` : `${error.message} (${hint})`;
  return new VitrineError(error.code, text, { details: error.details, cause: error });
}
