// Parallel: calls of an asynchronous function for many items, some of them at a time; the first failure ends them all.

/** Runs `body` for 0 … count − 1, `most` at a time. Rejects with the first failure; nothing is begun after it. */
export async function eachParallel(
  count: number,
  most: number,
  body: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const run = async (): Promise<void> => {
    while (next < count) {
      try {
        await body(next++);
      } catch (error) {
        next = count;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, count) }, run));
}

/** Results of `body` in the order of the items; as `eachParallel`. */
export async function mapParallel<T, R>(
  items: readonly T[],
  most: number,
  body: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  await eachParallel(items.length, most, async (index) => {
    results[index] = await body(items[index], index);
  });
  return results;
}
