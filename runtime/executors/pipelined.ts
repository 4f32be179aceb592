// One ahead: where a device computes by itself, work is begun before the results of the work before it are read.

/** Work that was begun. */
export interface Started<R> {
  /** Whether the device still works on it; else the outcome is there. */
  underway: boolean;
  /** A failure is told to whoever waits for it; nobody has to. */
  outcome: Promise<R>;
}

export function underway<R>(outcome: Promise<R>): Started<R> {
  outcome.catch(() => {});
  return { underway: true, outcome };
}

export function finished<R>(result: R): Started<R> {
  return { underway: false, outcome: Promise.resolve(result) };
}

/** Pieces of work that were begun one behind the other, as one. */
export function joined<R, S>(parts: readonly Started<R>[], join: (results: R[]) => S): Started<S> {
  const outcome = Promise.all(parts.map((part) => part.outcome)).then(join);
  return parts.at(-1)?.underway ? underway(outcome) : { underway: false, outcome };
}

/**
 * Begins the work of each item and takes the results in the items' order: what is underway when the work behind it has
 * been begun, everything else at once. `start` resolves when the item may be let go.
 */
export async function oneAhead<T, R>(
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
