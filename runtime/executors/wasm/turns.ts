// Turns: one user of the executor's memory at a time. A run on other threads lets the caller's thread go on, which must
// not move the arena, or give pieces of memory away, under it.

export class Turns {
  #last: Promise<unknown> = Promise.resolve();
  #taken = 0;

  /** Runs the job when all before it are done: at once, before this returns, where there are none. */
  async take<T>(job: () => Promise<T>): Promise<T> {
    const result = this.#taken === 0 ? job() : this.#last.then(job);
    this.#taken += 1;
    this.#last = result.catch(() => {});
    try {
      return await result;
    } finally {
      this.#taken -= 1;
    }
  }

  /** The same for a job that answers at once and cannot fail. */
  afterward(job: () => void): void {
    if (this.#taken === 0) job();
    else void this.take(async () => job());
  }
}
