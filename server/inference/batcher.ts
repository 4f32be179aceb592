// Batcher: joins the images of waiting requests and runs the model on up to `maxBatch` of them at once.
//
// A batch starts as soon as the model is free, with the images that wait by then: no request is delayed to wait for
// others. A full batch, which can grow no more, is submitted while a GPU still computes the one before it. A request
// larger than a batch is split across several. A request that was canceled, or whose deadline has passed, is dropped
// when a batch is formed, before it costs anything.

import { VitrineError } from "../../runtime/errors.js";
import type { Started } from "../../runtime/executors/pipelined.js";
import type { Logits } from "../../runtime/inference/logits.js";
import type { RequestLife } from "../request-life.js";

export interface BatcherOptions {
  /**
   * uint8 [count, size, size, 3] → logits; count ≤ maxBatch. Called again only after it has resolved. The pixels do
   * not change until the outcome has resolved.
   */
  run(pixels: Uint8Array, count: number): Promise<Started<Logits>>;
  /** Bytes of one image: size · size · 3. */
  imageBytes: number;
  classes: number;
  distilled: boolean;
  /** Images that run at once. */
  maxBatch: number;
  /** Images that may wait; a request beyond that gets `network/queue-full`. An empty queue takes any request. */
  maxQueue: number;
}

interface Waiting {
  pixels: Uint8Array;
  count: number;
  /** Images already put into a batch. */
  taken: number;
  /** Images whose logits have been written to `logits`. */
  answered: number;
  logits: Logits;
  life: RequestLife;
  resolve(logits: Logits): void;
  reject(error: unknown): void;
}

/** One batch is computed while the next is submitted. */
const MAX_IN_FLIGHT = 2;

/** Images `first` to `first + count` of a request, in a batch starting at row `row`. */
interface Part {
  request: Waiting;
  first: number;
  count: number;
  row: number;
}

export class Batcher {
  readonly #options: BatcherOptions;
  readonly #queue: Waiting[] = [];
  /** Pixel buffers that no batch is using. */
  readonly #spare: Uint8Array[] = [];
  #inFlight = 0;
  #running = false;
  /** Called when a batch ends or a request arrives. */
  #wake = () => {};

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  /** Images waiting for a batch. */
  get queued(): number {
    return this.#queue.reduce((sum, request) => sum + request.count - request.taken, 0);
  }

  /** pixels uint8 [count, size, size, 3], read when their batch forms → logits [count, classes]. */
  submit(pixels: Uint8Array, count: number, life: RequestLife): Promise<Logits> {
    const { maxQueue } = this.#options;
    const queued = this.queued;
    if (queued > 0 && queued + count > maxQueue) {
      const text = `${queued} images are waiting and ${count} more were sent; allowed: ${maxQueue}. Try again later`;
      return Promise.reject(
        new VitrineError("network/queue-full", text, { details: { queued, count, maxQueue } }),
      );
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({
        pixels,
        count,
        taken: 0,
        answered: 0,
        logits: this.#emptyLogits(count),
        life,
        resolve,
        reject,
      });
      if (!this.#running) void this.#work();
      this.#wake();
    });
  }

  #emptyLogits(count: number): Logits {
    const size = count * this.#options.classes;
    const empty: Logits = { classLogits: new Float32Array(size), logits: new Float32Array(size) };
    return this.#options.distilled ? { ...empty, distillationLogits: new Float32Array(size) } : empty;
  }

  async #work(): Promise<void> {
    this.#running = true;
    while (this.#queue.length > 0) {
      // One turn of the event loop: requests, cancellations and health checks that have arrived are handled first.
      await new Promise((resolve) => setImmediate(resolve));
      this.#dropExpired();
      if (this.#mayStart()) await this.#runBatch();
      else if (this.#queue.length > 0) await this.#nextChange();
    }
    this.#running = false;
  }

  /** Whether a batch may start now. */
  #mayStart(): boolean {
    if (this.#queue.length === 0) return false;
    const isFull = this.queued >= this.#options.maxBatch;
    return this.#inFlight === 0 || (isFull && this.#inFlight < MAX_IN_FLIGHT);
  }

  /** Waits for the end of a batch or for a request. */
  #nextChange(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #dropExpired(): void {
    for (const request of [...this.#queue]) {
      const { deadline, signal } = request.life;
      if (signal.aborted) {
        this.#fail(request, new VitrineError("network/canceled", "the caller canceled the request"));
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

  #formBatch(pixels: Uint8Array): Part[] {
    const { maxBatch, imageBytes } = this.#options;
    const parts: Part[] = [];
    let row = 0;
    while (row < maxBatch && this.#queue.length > 0) {
      const request = this.#queue[0]!;
      const first = request.taken;
      const count = Math.min(maxBatch - row, request.count - first);
      const bytes = request.pixels.subarray(first * imageBytes, (first + count) * imageBytes);
      pixels.set(bytes, row * imageBytes);
      parts.push({ request, first, count, row });
      request.taken += count;
      row += count;
      if (request.taken === request.count) this.#queue.shift();
    }
    return parts;
  }

  /** Resolves when the model can take the next batch. */
  async #runBatch(): Promise<void> {
    const { imageBytes, maxBatch, run } = this.#options;
    const pixels = this.#spare.pop() ?? new Uint8Array(maxBatch * imageBytes);
    const parts = this.#formBatch(pixels);
    const rows = parts.reduce((sum, part) => sum + part.count, 0);
    this.#inFlight++;
    const end = (settle: (part: Part) => void) => {
      this.#inFlight--;
      this.#spare.push(pixels);
      parts.forEach(settle);
      this.#wake();
    };
    const started = run(pixels.subarray(0, rows * imageBytes), rows);
    const ended = started
      .then(({ outcome }) => outcome)
      .then(
        (logits) => end((part) => this.#deliver(part, logits)),
        (error) => end(({ request }) => this.#fail(request, error)),
      );
    const isUnderway = await started.then(({ underway }) => underway).catch(() => false);
    if (!isUnderway) await ended;
  }

  #deliver({ request, first, count, row }: Part, logits: Logits): void {
    const { classes } = this.#options;
    for (const head of ["classLogits", "distillationLogits", "logits"] as const) {
      const rows = logits[head]?.subarray(row * classes, (row + count) * classes);
      if (rows) request.logits[head]?.set(rows, first * classes);
    }
    request.answered += count;
    if (request.answered === request.count) request.resolve(request.logits);
  }
}
