// Credits: how many bytes of batches a server may still make and send. Both sides compute costs alike.

import { VitrineError } from "../runtime/errors.js";

/** Images in one batch. */
export const MAX_BATCH_SIZE = 4_096;

/** Images in the batches of all ranks together: each draw of such a batch is made for every rank. */
export const MAX_GLOBAL_BATCH_SIZE = 32_768;

/** Side of a training image in pixels. */
export const MAX_IMAGE_SIZE = 1_024;

/** Side of an evaluation's image in pixels. */
export const MAX_EVALUATION_SIZE = 2_048;

/** protobuf's own bound on a message, which a batch must stay under. */
const MAX_MESSAGE_BYTES = 2 ** 31 - 1;

/** Largest credit window: what a uint32 holds. */
export const MAX_CREDIT_BYTES = 2 ** 32 - 1;

/**
 * The default window holds as many batches as fit in this many bytes, but at least two, and no more than keep a
 * consumer busy: what is made further ahead only takes the trainer's cores and is lost when it ends.
 */
const DEFAULT_CREDIT_BYTES = 64 * 2 ** 20;
const DEFAULT_CREDIT_BATCHES = 8;

/** Labels, partner labels, λ and weight of one sample: 4 + 4 + 8 + 4. */
const SAMPLE_BYTES = 20;

/** Field tags, lengths, cursor, count and size of one message, rounded up. */
const FRAME_BYTES = 64;

/** Cost of a batch of `count` images of `size` × `size` pixels: a bound on its message's length in bytes, but for an evaluation's names. */
export function batchCost(count: number, size: number): number {
  return count * (3 * size * size + SAMPLE_BYTES) + FRAME_BYTES;
}

/** Throws `usage/recipe` for a batch of `bytes` bytes that no message can hold. */
export function checkBatchBytes(bytes: number): void {
  if (bytes <= MAX_MESSAGE_BYTES) return;
  const [got, most] = [bytes, MAX_MESSAGE_BYTES].map((number) => number.toLocaleString("en-US"));
  throw new VitrineError(
    "usage/recipe",
    `a batch takes ${got} bytes; allowed: ${most}: lower the batch size (--batch-size) or the image size`,
    { details: { bytes, most: MAX_MESSAGE_BYTES } },
  );
}

/** The window that a client asks for by default, in bytes: what fits in 64 MiB, from two to eight batches. */
export function defaultCredit(batchBytes: number): number {
  const fitting = Math.floor(DEFAULT_CREDIT_BYTES / batchBytes);
  const batches = Math.min(DEFAULT_CREDIT_BATCHES, Math.max(2, fitting));
  return Math.min(batches * batchBytes, MAX_CREDIT_BYTES);
}

/**
 * The server's account of one stream. Credit is taken before a batch is made, so the batches being made, held, in
 * flight, and received but not yet consumed never exceed the window together.
 */
export class CreditAccount {
  #left: number;
  #waiting: { bytes: number; resolve: () => void; reject: (error: unknown) => void } | null = null;
  #closed: unknown = null;

  /** `window`: bytes available at the start. */
  constructor(readonly window: number) {
    this.#left = window;
  }

  /** Bytes taken and not yet granted back. */
  get outstanding(): number {
    return this.window - this.#left;
  }

  /**
   * Waits for the credit and takes it. One taker at a time. Rejects with `protocol/credit-too-small` at once where
   * the window is smaller than `bytes`, and with the reason for closing.
   */
  take(bytes: number): Promise<void> {
    if (this.#closed !== null) return Promise.reject(this.#closed);
    if (bytes > this.window) return Promise.reject(creditTooSmall(bytes, this.window));
    if (this.#waiting) throw new VitrineError("internal/credit", "two takers wait for the same credit");
    if (bytes <= this.#left) {
      this.#left -= bytes;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      this.#waiting = { bytes, resolve, reject };
    });
  }

  /** The client has consumed `bytes`. Throws `protocol/credit-overflow` if it was never sent that much. */
  grant(bytes: number): void {
    if (bytes > this.outstanding)
      throw new VitrineError(
        "protocol/credit-overflow",
        `credit of ${bytes} bytes; allowed: the ${this.outstanding} bytes in use of the window of ${this.window}`,
        { details: { bytes, outstanding: this.outstanding, window: this.window } },
      );
    this.#left += bytes;
    const waiting = this.#waiting;
    if (waiting === null || waiting.bytes > this.#left) return;
    this.#waiting = null;
    this.#left -= waiting.bytes;
    waiting.resolve();
  }

  /** Waiting and later takers are rejected with `reason`. */
  close(reason: unknown): void {
    this.#closed = reason;
    this.#waiting?.reject(reason);
    this.#waiting = null;
  }
}

export function creditTooSmall(batchBytes: number, window: number): VitrineError {
  return new VitrineError(
    "protocol/credit-too-small",
    `one batch costs ${batchBytes} bytes, the credit window is ${window}: ` +
      "raise creditBytes, or lower the batch size (--batch-size)",
    { details: { batchBytes, window } },
  );
}
