// Retry budget: how long a client keeps trying while its server is away, with a wait between tries that grows.

import { setTimeout as delay } from "node:timers/promises";
import type { VitrineError } from "../../runtime/errors.js";

/** The wait before the first retry; each next one is longer by `GROWTH`, up to the longest. */
const FIRST_WAIT_MS = 100;
const GROWTH = 1.6;
/** A server that restarts is found within a second of its listening. */
const LONGEST_WAIT_MS = 1_000;
/** Waits are shortened by up to this fraction at random, so that many clients of one server do not return at once. */
const JITTER = 0.2;

export interface RetryBudgetOptions {
  /** Seconds of failure after which the client gives up, counted from the first failure in a row. 0: no retry. */
  seconds: number;
  /** True for an error after which another try may succeed. Any other is thrown at once. */
  isTransient(error: unknown): error is VitrineError;
  /** True where the server came nearer to an answer since the failure before: the time then starts again. */
  isProgress?(error: VitrineError, before: VitrineError): boolean;
  /** The error to throw once the budget is spent; `reason` is the last failure's text. */
  giveUp(reason: string): VitrineError;
  /** Receives a sentence when the server is away and when it is back. */
  onNotice(text: string): void;
}

export class RetryBudget {
  readonly #options: RetryBudgetOptions;
  #failingSince: number | null = null;
  #last: VitrineError | null = null;
  #waitMs = FIRST_WAIT_MS;

  constructor(options: RetryBudgetOptions) {
    this.#options = options;
  }

  /** Milliseconds left; the whole budget while nothing fails. */
  get leftMs(): number {
    const spent = this.#failingSince === null ? 0 : performance.now() - this.#failingSince;
    return Math.max(0, this.#options.seconds * 1000 - spent);
  }

  /** A try succeeded: the next failure starts with the whole budget. */
  reset(): void {
    if (this.#failingSince !== null) this.#options.onNotice("the data server is back");
    this.#failingSince = null;
    this.#last = null;
    this.#waitMs = FIRST_WAIT_MS;
  }

  /** Waits before the next try. Throws `error` if it is final, and what `giveUp` makes once the budget is spent. */
  async wait(error: unknown): Promise<void> {
    const { seconds, isTransient, isProgress, giveUp, onNotice } = this.#options;
    if (!isTransient(error)) throw error;
    if (this.#last && isProgress?.(error, this.#last)) this.#failingSince = performance.now();
    this.#last = error;
    if (this.#failingSince === null) {
      this.#failingSince = performance.now();
      if (seconds > 0) onNotice(`waiting for the data server (${error.message}), up to ${seconds} s`);
    }
    const waitMs = this.#waitMs * (1 - JITTER * Math.random());
    this.#waitMs = Math.min(LONGEST_WAIT_MS, this.#waitMs * GROWTH);
    await delay(Math.min(waitMs, Math.ceil(this.leftMs)));
    if (this.leftMs === 0) throw giveUp(error.message);
  }
}
