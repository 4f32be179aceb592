// Mutex: one user of the executor's memory at a time. While a run is on other threads the caller's thread continues,
// and must not move the arena, or release memory, that the run uses.

export class Mutex {
  #last: Promise<unknown> = Promise.resolve();
  #held = 0;

  /** Runs the job when all earlier ones are done: immediately, before this returns, where there are none. */
  async run<T>(job: () => Promise<T>): Promise<T> {
    const result = this.#held === 0 ? job() : this.#last.then(job);
    this.#held += 1;
    this.#last = result.catch(() => {});
    try {
      return await result;
    } finally {
      this.#held -= 1;
    }
  }

  /** The same for a synchronous job that cannot fail and whose end no caller awaits. */
  defer(job: () => void): void {
    if (this.#held === 0) job();
    else void this.run(async () => job());
  }
}
