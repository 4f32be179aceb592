// Batcher: joins the images of waiting requests and runs the model on up to `maxBatch` of them at once.
// A batch leaves as soon as the model is free, with whatever waits by then: no request is held back in the hope of
// company. A full one leaves while a GPU still computes the one before it, since it gets no more. A request larger than a batch is spread over several. Whoever has gone, or whose deadline has passed,
// is dropped when a batch is formed, before it costs anything.

import { VitrineError } from "../../runtime/errors.js";
import type { Started } from "../../runtime/executors/pipelined.js";
import type { Logits } from "../../runtime/inference/logits.js";

export interface BatcherOptions {
  /**
   * uint8 [count, size, size, 3] → logits; count ≤ maxBatch. Called again when it has resolved. The pixels stay as they are
   * until the logits are there.
   */
  run(pixels: Uint8Array, count: number): Promise<Started<Logits>>;
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
  isCanceled(): boolean;
}

interface Waiting {
  pixels: Uint8Array;
  count: number;
  /** Images already given to a batch. */
  taken: number;
  /** Images whose logits are in the answer. */
  answered: number;
  answer: Logits;
  life: RequestLife;
  resolve(logits: Logits): void;
  reject(error: unknown): void;
}

/** One batch computes and the next is on its way. */
const MOST_UNDERWAY = 2;

/** Images `first` to `first + count` of a request, in a batch from row `row` on. */
interface Share {
  request: Waiting;
  first: number;
  count: number;
  row: number;
}

export class Batcher {
  readonly #options: BatcherOptions;
  readonly #queue: Waiting[] = [];
  /** Room for the pixels of a batch that no batch holds now. */
  readonly #spare: Uint8Array[] = [];
  #underway = 0;
  #running = false;
  /** Called when a batch ends or a request comes. */
  #wake = () => {};

  constructor(options: BatcherOptions) {
    this.#options = options;
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
      this.#queue.push({
        pixels,
        count,
        taken: 0,
        answered: 0,
        answer: this.#emptyAnswer(count),
        life,
        resolve,
        reject,
      });
      if (!this.#running) void this.#work();
      this.#wake();
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
      this.#dropDead();
      if (this.#mayLeave()) await this.#runBatch();
      else if (this.#queue.length > 0) await this.#change();
    }
    this.#running = false;
  }

  /** Whether a batch may be formed now. */
  #mayLeave(): boolean {
    if (this.#queue.length === 0) return false;
    const isFull = this.queued >= this.#options.maxBatch;
    return this.#underway === 0 || (isFull && this.#underway < MOST_UNDERWAY);
  }

  /** Waits for the end of a batch or for a request. */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #dropDead(): void {
    for (const request of [...this.#queue]) {
      const { deadline, isCanceled } = request.life;
      if (isCanceled()) {
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

  #formBatch(pixels: Uint8Array): Share[] {
    const { maxBatch, imageBytes } = this.#options;
    const shares: Share[] = [];
    let row = 0;
    while (row < maxBatch && this.#queue.length > 0) {
      const request = this.#queue[0]!;
      const first = request.taken;
      const count = Math.min(maxBatch - row, request.count - first);
      const bytes = request.pixels.subarray(first * imageBytes, (first + count) * imageBytes);
      pixels.set(bytes, row * imageBytes);
      shares.push({ request, first, count, row });
      request.taken += count;
      row += count;
      if (request.taken === request.count) this.#queue.shift();
    }
    return shares;
  }

  /** Resolves when the model takes the next batch. */
  async #runBatch(): Promise<void> {
    const { imageBytes, maxBatch, run } = this.#options;
    const pixels = this.#spare.pop() ?? new Uint8Array(maxBatch * imageBytes);
    const shares = this.#formBatch(pixels);
    const rows = shares.reduce((sum, share) => sum + share.count, 0);
    this.#underway++;
    const end = (settle: (share: Share) => void) => {
      this.#underway--;
      this.#spare.push(pixels);
      shares.forEach(settle);
      this.#wake();
    };
    const started = run(pixels.subarray(0, rows * imageBytes), rows);
    const ended = started
      .then(({ outcome }) => outcome)
      .then(
        (logits) => end((share) => this.#deliver(share, logits)),
        (error) => end(({ request }) => this.#fail(request, error)),
      );
    const isUnderway = await started.then(({ underway }) => underway).catch(() => false);
    if (!isUnderway) await ended;
  }

  #deliver({ request, first, count, row }: Share, logits: Logits): void {
    const { classes } = this.#options;
    for (const head of ["classLogits", "distillationLogits", "logits"] as const) {
      const rows = logits[head]?.subarray(row * classes, (row + count) * classes);
      if (rows) request.answer[head]?.set(rows, first * classes);
    }
    request.answered += count;
    if (request.answered === request.count) request.resolve(request.answer);
  }
}
