// Credits: how many bytes of batches a server may still make and send. Both sides count with the same price list.

import { VitrineError } from "../runtime/errors.js";
import { DEFAULT_CREDIT_BATCHES, DEFAULT_CREDIT_BYTES, MAX_CREDIT_BYTES } from "./limits.js";

/** Labels, partner labels, λ and weight of one sample: 4 + 4 + 8 + 4. */
const SAMPLE_BYTES = 20;

/** Field tags, lengths, cursor, count and size of one message, rounded up. */
const FRAME_BYTES = 64;

/** Price of a batch of `count` images of `size` × `size` pixels: a bound on its message's length in bytes. */
export function batchCost(count: number, size: number): number {
  return count * (3 * size * size + SAMPLE_BYTES) + FRAME_BYTES;
}

/** The window that a client asks for where nobody chose one: what fits in 64 MiB, from two to eight batches. */
export function defaultCredit(batchBytes: number): number {
  const fitting = Math.floor(DEFAULT_CREDIT_BYTES / batchBytes);
  const batches = Math.min(DEFAULT_CREDIT_BATCHES, Math.max(2, fitting));
  return Math.min(batches * batchBytes, MAX_CREDIT_BYTES);
}

/**
 * The server's account of one stream. Credit is taken before a batch is made, so what is being made, what is held
 * and what is on its way to a client that has not consumed it never exceed the window together.
 */
export class CreditAccount {
  private left: number;
  private waiting: { bytes: number; resolve: () => void; reject: (error: unknown) => void } | null = null;
  private closed: unknown = null;

  /** `window` bytes are there from the start. */
  constructor(readonly window: number) {
    this.left = window;
  }

  /** Bytes taken and not given back. */
  get outstanding(): number {
    return this.window - this.left;
  }

  /** Waits for the credit and takes it. One taker at a time. Throws `protocol/credit-too-small` at once if it never can. */
  take(bytes: number): Promise<void> {
    if (this.closed !== null) return Promise.reject(this.closed);
    if (bytes > this.window) return Promise.reject(creditTooSmall(bytes, this.window));
    if (this.waiting) throw new VitrineError("internal/credit", "two takers wait for the same credit");
    if (bytes <= this.left) {
      this.left -= bytes;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      this.waiting = { bytes, resolve, reject };
    });
  }

  /** The client consumed so much. Throws `protocol/credit-overflow` if it was never sent that much. */
  grant(bytes: number): void {
    if (bytes > this.outstanding)
      throw new VitrineError(
        "protocol/credit-overflow",
        `got a credit of ${bytes} bytes; only ${this.outstanding} of the window of ${this.window} were used`,
        { details: { bytes, outstanding: this.outstanding, window: this.window } },
      );
    this.left += bytes;
    const { waiting } = this;
    if (waiting === null || waiting.bytes > this.left) return;
    this.waiting = null;
    this.left -= waiting.bytes;
    waiting.resolve();
  }

  /** Whoever waits, and whoever comes later, gets `reason`. */
  close(reason: unknown): void {
    this.closed = reason;
    this.waiting?.reject(reason);
    this.waiting = null;
  }
}

export function creditTooSmall(batchBytes: number, window: number): VitrineError {
  return new VitrineError(
    "protocol/credit-too-small",
    `one batch costs ${batchBytes} bytes, the credit window is ${window}: raise creditBytes or lower --batch-size`,
    { details: { batchBytes, window } },
  );
}
