// Batcher: joins the images of waiting requests and runs the model on up to `maxBatch` of them at once.
// A batch leaves as soon as the model is free, with whatever waits by then: no request is held back in the hope of
// company. A request larger than a batch is spread over several. Whoever has gone, or whose deadline has passed,
// is dropped when a batch is formed, before it costs anything.

import { VitrineError } from "../../runtime/errors.js";
import type { Logits } from "../../runtime/training.js";

export interface BatcherOptions {
  /** uint8 [count, size, size, 3] → logits; count ≤ maxBatch. Called for one batch at a time. */
  run(pixels: Uint8Array, count: number): Promise<Logits>;
  /** Bytes of one image: size · size · 3. */
  imageBytes: number;
  classes: number;
  distilled: boolean;
  /** Images that run at once. */
  maxBatch: number;
  /** Images that may wait; a request beyond that gets `network/queue-full`. One request alone always may. */
  maxQueue: number;
}

/** How long a request is worth working for. */
export interface RequestLife {
  /** Milliseconds since 1970; Infinity without one. */
  deadline: number;
  isCancelled(): boolean;
}

interface Waiting {
  pixels: Uint8Array;
  count: number;
  /** Images already given to a batch. */
  taken: number;
  answer: Logits;
  life: RequestLife;
  resolve(logits: Logits): void;
  reject(error: unknown): void;
}

/** Images `first` to `first + count` of a request, in a batch from row `row` on. */
interface Share {
  request: Waiting;
  first: number;
  count: number;
  row: number;
}

export class Batcher {
  readonly #options: BatcherOptions;
  readonly #batchPixels: Uint8Array;
  readonly #queue: Waiting[] = [];
  #running = false;

  constructor(options: BatcherOptions) {
    this.#options = options;
    this.#batchPixels = new Uint8Array(options.maxBatch * options.imageBytes);
  }

  /** Images that wait for their batch. */
  get queued(): number {
    return this.#queue.reduce((sum, request) => sum + request.count - request.taken, 0);
  }

  /** pixels uint8 [count, size, size, 3], read when their batch forms → logits [count, classes]. */
  submit(pixels: Uint8Array, count: number, life: RequestLife): Promise<Logits> {
    const { maxQueue } = this.#options;
    const queued = this.queued;
    if (queued > 0 && queued + count > maxQueue) {
      const text = `${queued} images wait already, ${count} more are too many; allowed: ${maxQueue} (--max-queue)`;
      return Promise.reject(
        new VitrineError("network/queue-full", text, { details: { queued, count, maxQueue } }),
      );
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ pixels, count, taken: 0, answer: this.#emptyAnswer(count), life, resolve, reject });
      if (!this.#running) void this.#work();
    });
  }

  #emptyAnswer(count: number): Logits {
    const size = count * this.#options.classes;
    const answer: Logits = { classLogits: new Float32Array(size), logits: new Float32Array(size) };
    return this.#options.distilled ? { ...answer, distillationLogits: new Float32Array(size) } : answer;
  }

  async #work(): Promise<void> {
    this.#running = true;
    while (this.#queue.length > 0) {
      // One turn of the event loop: requests, cancellations and probes that have arrived are seen first.
      await new Promise((resolve) => setImmediate(resolve));
      const shares = this.#formBatch();
      if (shares.length > 0) await this.#runBatch(shares);
    }
    this.#running = false;
  }

  #dropDead(): void {
    for (const request of [...this.#queue]) {
      const { deadline, isCancelled } = request.life;
      if (isCancelled()) {
        this.#fail(request, new VitrineError("network/cancelled", "the caller cancelled the request"));
      } else if (Date.now() > deadline) {
        const text = `the deadline passed while ${request.count} images waited for the model`;
        this.#fail(request, new VitrineError("network/deadline", text));
      }
    }
  }

  #fail(request: Waiting, error: unknown): void {
    const place = this.#queue.indexOf(request);
    if (place >= 0) this.#queue.splice(place, 1);
    request.reject(error);
  }

  #formBatch(): Share[] {
    this.#dropDead();
    const { maxBatch, imageBytes } = this.#options;
    const shares: Share[] = [];
    let row = 0;
    while (row < maxBatch && this.#queue.length > 0) {
      const request = this.#queue[0]!;
      const first = request.taken;
      const count = Math.min(maxBatch - row, request.count - first);
      const bytes = request.pixels.subarray(first * imageBytes, (first + count) * imageBytes);
      this.#batchPixels.set(bytes, row * imageBytes);
      shares.push({ request, first, count, row });
      request.taken += count;
      row += count;
      if (request.taken === request.count) this.#queue.shift();
    }
    return shares;
  }

  async #runBatch(shares: readonly Share[]): Promise<void> {
    const { imageBytes, run } = this.#options;
    const rows = shares.reduce((sum, share) => sum + share.count, 0);
    try {
      const logits = await run(this.#batchPixels.subarray(0, rows * imageBytes), rows);
      for (const share of shares) this.#deliver(share, logits);
    } catch (error) {
      for (const { request } of shares) this.#fail(request, error);
    }
  }

  #deliver({ request, first, count, row }: Share, logits: Logits): void {
    const { classes } = this.#options;
    for (const head of ["classLogits", "distillationLogits", "logits"] as const) {
      const rows = logits[head]?.subarray(row * classes, (row + count) * classes);
      if (rows) request.answer[head]?.set(rows, first * classes);
    }
    if (first + count === request.count) request.resolve(request.answer);
  }
}
