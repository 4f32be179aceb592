// Pipelining: on a device that computes asynchronously, work is submitted before the results of the previous work
// are read.

/** Work that was started, and the promise of its result. */
export interface Started<R> {
  /** Whether the device is still working on it; otherwise the outcome is available. */
  underway: boolean;
  /** Rejects if the work fails. Ignoring it causes no unhandled rejection. */
  outcome: Promise<R>;
}

export function underway<R>(outcome: Promise<R>): Started<R> {
  outcome.catch(() => {});
  return { underway: true, outcome };
}

export function finished<R>(result: R): Started<R> {
  return { underway: false, outcome: Promise.resolve(result) };
}

/** Joins pieces of work that were started in sequence into one. */
export function joined<R, S>(parts: readonly Started<R>[], join: (results: R[]) => S): Started<S> {
  const outcome = Promise.all(parts.map((part) => part.outcome)).then(join);
  return parts.at(-1)?.underway ? underway(outcome) : { underway: false, outcome };
}

/**
 * Starts the work of each item and takes the results in the items' order: that of work in progress after the next
 * work was started, any other immediately. `start` resolves when the item may be released.
 */
export async function pipelined<T, R>(
  items: AsyncIterable<T>,
  start: (item: T) => Promise<Started<R>>,
  take: (result: R) => void,
): Promise<void> {
  let before: Promise<R> | undefined;
  for await (const item of items) {
    const started = await start(item);
    if (before) take(await before);
    before = undefined;
    if (started.underway) before = started.outcome;
    else take(await started.outcome);
  }
  if (before) take(await before);
}
