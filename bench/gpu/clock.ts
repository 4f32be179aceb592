// Clock: how long a row of the GPU bench may take, and how long all of it.

import type { Limit } from "../peers/contest.js";

export interface ClockOptions {
  /** Of one row. */
  rowSeconds: number;
  /** Of the whole bench; Infinity for no limit. */
  maxSeconds: number;
  /** Milliseconds from a fixed point on. */
  now?: () => number;
}

export class Clock {
  readonly #options: ClockOptions;
  readonly #now: () => number;
  readonly #start: number;

  constructor(options: ClockOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#start = this.#now();
  }

  /** Since the clock was made. */
  get seconds(): number {
    return (this.#now() - this.#start) / 1000;
  }

  /** Why nothing is begun any more; undefined as long as there is time. */
  get spent(): string | undefined {
    const { maxSeconds } = this.#options;
    return this.seconds < maxSeconds ? undefined : `not begun: ${maxSeconds} s were over (--max-seconds)`;
  }

  /** Of what begins now and may take `rows` times as long as a row. */
  limit(rows = 1): Limit {
    const { rowSeconds, maxSeconds } = this.#options;
    const [ofRow, left] = [rows * rowSeconds, maxSeconds - this.seconds];
    if (ofRow <= left)
      return { ms: 1000 * ofRow, reason: `ended: it took longer than ${ofRow} s (--row-seconds)` };
    return {
      ms: Math.max(0, 1000 * left),
      reason: `ended: ${maxSeconds} s of the bench were over (--max-seconds)`,
    };
  }
}
