// Batcher: joins the images of waiting requests and runs the model on up to `maxBatch` of them at once.
//
// Images enter one by one, as they are decoded, so that decoding overlaps with computing. A batch starts as soon as the
// model is free and has its turn on the device, with the images that are ready by then; `queueDelayUs` lets one that is
// not full wait for more. A full batch, which can grow no more, is submitted while a GPU still computes the one before
// it. A request larger than a batch is split across several. A request that would end after its deadline is dropped when
// a batch is formed, before it costs anything.

import { setImmediate as nextTurn } from "node:timers/promises";
import { VitrineError } from "../../../runtime/errors.js";
import type { Started } from "../../../runtime/executors/pipelined.js";
import type { Answer, ImageTensor } from "../../../runtime/inference/answer.js";
import { type BatchKind, kindKey } from "./batch.js";
import { BatchTimes } from "./batch-times.js";
import type { DeviceTurns, Turn } from "./device-turns.js";
import { FairOrder } from "./fair-order.js";
import { formBatch } from "./form-batch.js";
import { type BatcherRequest, rankOf, WaitingRequest } from "./waiting-request.js";

export interface BatcherOptions {
  /**
   * Images of one kind → the answer about them; count ≤ maxBatch. Called again only after it has resolved. The images do
   * not change until the outcome has resolved.
   */
  run(images: ImageTensor, count: number, kind: BatchKind): Promise<Started<Answer>>;
  /** Values of one image: size · size · 3. */
  imageLength: number;
  /** Images that run at once. */
  maxBatch: number;
  /** Microseconds that a batch which is not full waits for more images. */
  queueDelayUs: number;
  /** In which the models of a device compute. */
  turns: DeviceTurns;
  /** Of the model among those of its device: a lower number goes first. Default 0. */
  priority?: number | undefined;
  /** Called when a batch has been answered. */
  onBatch?(images: number, seconds: number): void;
}

/** A request in the queue, which waits for its images and for the model. */
export interface QueuedRequest {
  readonly answer: Promise<Answer>;
  /** Images that are in no batch yet. */
  readonly waiting: number;
  /** Image `index` is ready: a view that does not change. */
  add(index: number, image: ImageTensor): void;
  /** The request leaves the queue at once, and its answer rejects. Without effect on one that was answered. */
  fail(error: unknown): void;
}

/** A request that may come. */
export interface ExpectedRequest {
  count: number;
  kind: BatchKind;
  priority: number;
  caller: string;
}

/** One batch is computed while the next is submitted. */
const MAX_IN_FLIGHT = 2;

/** Attention is computed image by image. */
const MAX_ATTENTION_BATCH = 1;

/** Image `index` of a request, which is row `row` of a batch. */
interface Part {
  request: WaitingRequest;
  index: number;
  row: number;
}

interface Batch {
  kind: BatchKind;
  images: ImageTensor;
  parts: Part[];
  /** It was not full, although requests were refused because they would have been late. */
  hadRoomForRefused: boolean;
}

export class Batcher {
  readonly #options: BatcherOptions;
  /** By rank: priority and arrival. */
  readonly #queue: WaitingRequest[] = [];
  readonly #fairOrder = new FairOrder();
  readonly #times = new Map<string, BatchTimes>();
  /** Buffers of images that no batch is using. */
  readonly #spare: Record<BatchKind["input"], ImageTensor[]> = { pixels: [], values: [] };
  readonly #running = new Set<Promise<void>>();
  /** Images of the last batch. */
  #lastRows = 0;
  /** Whether a request was refused since the last batch formed, because it would have been late. */
  #hasRefused = false;
  #isScheduled = false;
  #delay: NodeJS.Timeout | undefined;

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  /** Images waiting for a batch, those that are not ready included. */
  get queued(): number {
    return this.#queue.reduce((sum, { waiting }) => sum + waiting, 0);
  }

  /** Nothing waits or runs. */
  get isIdle(): boolean {
    return this.#queue.length === 0 && this.#running.size === 0;
  }

  enter(request: BatcherRequest): QueuedRequest {
    const waiting = new WaitingRequest(request);
    const behind = this.#queue.findIndex(({ rank }) => rank > waiting.rank);
    this.#queue.splice(behind < 0 ? this.#queue.length : behind, 0, waiting);
    return {
      answer: waiting.answer,
      get waiting() {
        return waiting.waiting;
      },
      add: (index, image) => {
        waiting.ready.push({ index, image, since: performance.now() });
        this.#wake();
      },
      fail: (error) => this.#fail(waiting, error),
    };
  }

  /**
   * Seconds until the images of a new request are expected to be computed, if they were ready; 0 where nothing is known.
   * `leftMs`: until its deadline.
   */
  expectedSeconds(expected: ExpectedRequest, leftMs = Infinity): number {
    const { count, kind } = expected;
    const byKind = new Map([[kindKey(kind), count]]);
    for (const request of this.#before(expected))
      byKind.set(request.key, (byKind.get(request.key) ?? 0) + request.waiting);
    const { turns, maxBatch } = this.#options;
    let seconds = turns.busySeconds;
    for (const [key, images] of byKind) {
      const batches = Math.ceil(images / maxBatch);
      // Others may join the last of them: as many as lately did; and where requests are refused, as many as a batch
      // takes, or a queue of small batches would keep every batch small.
      const isFull = this.#hasRefused && 1000 * this.#timesOf(key).ofBatch(maxBatch) <= leftMs;
      const joined = Math.max(images, (batches - 1) * maxBatch + (isFull ? maxBatch : this.#lastRows));
      seconds += this.#timesOf(key).ofImages(joined) + batches * turns.othersSeconds(this);
    }
    return seconds;
  }

  /** The requests that would be computed before a new one. */
  #before({ count, kind, priority, caller }: ExpectedRequest): WaitingRequest[] {
    const rank = rankOf(priority);
    if (this.#queue.every((request) => request.caller === caller))
      return this.#queue.filter((request) => request.rank <= rank);
    const last = new WaitingRequest({ count, kind, priority, deadline: Infinity, caller });
    const behind = this.#queue.findIndex((request) => request.rank > last.rank);
    const order = this.#inOrder(this.#queue.toSpliced(behind < 0 ? this.#queue.length : behind, 0, last));
    return order.slice(0, order.indexOf(last));
  }

  /** In which they are computed. `queue`: by rank. */
  #inOrder(queue: readonly WaitingRequest[] = this.#queue): readonly WaitingRequest[] {
    return this.#fairOrder.of(queue, (request) => this.#msPerImage(request));
  }

  #msPerImage({ key }: WaitingRequest): number {
    const { maxBatch } = this.#options;
    return (1000 * this.#timesOf(key).ofBatch(maxBatch)) / maxBatch;
  }

  /** Seconds for which a batch is expected to compute; 0 where nothing is known. */
  batchSeconds(images: number, kind: BatchKind): number {
    return this.#timesOf(kindKey(kind)).ofBatch(images);
  }

  /** A request was refused because it would have been late. */
  countRefused(): void {
    this.#hasRefused = true;
  }

  /** Every request fails with `error`. Resolves when no batch runs any more. */
  async close(error: unknown): Promise<void> {
    clearTimeout(this.#delay);
    for (const request of [...this.#queue]) this.#fail(request, error);
    await Promise.all(this.#running);
  }

  #timesOf(key: string): BatchTimes {
    const times = this.#times.get(key) ?? new BatchTimes(this.#options.maxBatch);
    this.#times.set(key, times);
    return times;
  }

  #fail(request: WaitingRequest, error: unknown): void {
    this.#leave(request);
    request.reject(error);
  }

  #leave(request: WaitingRequest): void {
    const place = this.#queue.indexOf(request);
    if (place >= 0) this.#queue.splice(place, 1);
  }

  #wake(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    void this.#startNext();
  }

  async #startNext(): Promise<void> {
    // One turn of the event loop: requests, cancellations and health checks that have arrived are handled first.
    await nextTurn();
    const mayStart = this.#mayStart();
    const turn =
      mayStart && (await this.#options.turns.take(this, () => this.#nextSeconds(), this.#options.priority));
    this.#isScheduled = false;
    if (!turn) return;
    const batch = this.#form();
    if (!batch) return turn.cancel();
    const running = this.#run(batch, turn).finally(() => {
      this.#running.delete(running);
      this.#wake();
    });
    this.#running.add(running);
    this.#wake();
  }

  /** The first request with an image that is ready decides what the next batch computes. */
  #first(): WaitingRequest | undefined {
    return this.#inOrder().find(({ ready }) => ready.length > 0);
  }

  #maxRows({ attention }: BatchKind): number {
    return attention ? Math.min(MAX_ATTENTION_BATCH, this.#options.maxBatch) : this.#options.maxBatch;
  }

  /** Images of the next batch, as of now. */
  #nextRows(first: WaitingRequest): number {
    let rows = 0;
    for (const { key, ready } of this.#queue) if (key === first.key) rows += ready.length;
    return Math.min(rows, this.#maxRows(first.kind));
  }

  #nextSeconds(): number {
    const first = this.#first();
    return first ? this.#timesOf(first.key).ofBatch(this.#nextRows(first)) : 0;
  }

  /** Whether a batch may start now. */
  #mayStart(): boolean {
    const first = this.#first();
    if (!first) return false;
    const isFull = this.#nextRows(first) >= this.#maxRows(first.kind);
    if (this.#running.size > 0) return isFull && this.#running.size < MAX_IN_FLIGHT;
    return isFull || this.#hasWaited(first);
  }

  /** Whether a batch that is not full has waited for more images; if not, it is looked at again then. */
  #hasWaited({ ready: [image] }: WaitingRequest): boolean {
    const leftMs = (image?.since ?? 0) + this.#options.queueDelayUs / 1000 - performance.now();
    if (leftMs <= 0) return true;
    clearTimeout(this.#delay);
    // Timers count whole milliseconds.
    if (leftMs >= 1) this.#delay = setTimeout(() => this.#wake(), leftMs);
    else setImmediate(() => this.#wake());
    return false;
  }

  #form(): Batch | undefined {
    const first = this.#first();
    if (!first) return undefined;
    const { kind, key } = first;
    const now = Date.now();
    const formed = formBatch(
      this.#inOrder().filter((request) => request.key === key),
      { most: this.#maxRows(kind), times: this.#timesOf(key), now, isOverloaded: this.#hasRefused },
    );
    for (const request of formed.late) this.#fail(request, tooLate(request, now));
    const hadRoomForRefused = this.#hasRefused && formed.images.length < this.#maxRows(kind);
    this.#hasRefused = formed.late.length > 0;
    if (formed.images.length === 0) return undefined;
    const taken = formed.images.map(({ request }) => request);
    this.#fairOrder.taken(taken, (request) => this.#msPerImage(request));
    const images = this.#spare[kind.input].pop() ?? this.#newImages(kind);
    const parts = formed.images.map(({ request, index, image }, row): Part => {
      images.set(image, row * this.#options.imageLength);
      if (request.waiting === 0) this.#leave(request);
      return { request, index, row };
    });
    this.#lastRows = parts.length;
    return { kind, images, parts, hadRoomForRefused };
  }

  #newImages({ input }: BatchKind): ImageTensor {
    const length = this.#options.maxBatch * this.#options.imageLength;
    return input === "pixels" ? new Uint8Array(length) : new Float32Array(length);
  }

  /** Resolves when the batch has ended, well or not. */
  async #run({ kind, images, parts, hadRoomForRefused }: Batch, turn: Turn): Promise<void> {
    const { imageLength, run, onBatch } = this.#options;
    const requests = new Set(parts.map(({ request }) => request));
    for (const { clock } of requests) clock?.computeStarted();
    const ends = (): number => {
      for (const { clock } of requests) clock?.computeEnded();
      this.#spare[kind.input].push(images);
      return turn.end();
    };
    try {
      const rows = parts.length;
      const started = await run(images.subarray(0, rows * imageLength), rows, kind);
      if (started.underway) turn.underway();
      const answer = await started.outcome;
      const seconds = ends();
      const times = this.#timesOf(kindKey(kind));
      times.add(rows, seconds);
      const now = Date.now();
      times.adjustMargin(
        parts.some(({ request }) => now > request.deadline),
        hadRoomForRefused,
      );
      for (const { request, index, row } of parts) request.deliver(answer, rows, row, index);
      onBatch?.(rows, seconds);
    } catch (error) {
      ends();
      for (const request of requests) this.#fail(request, error);
    }
  }
}

function tooLate({ count, deadline }: WaitingRequest, now: number): VitrineError {
  const text =
    deadline < now
      ? `the deadline passed while ${count} images waited for the model`
      : `${count} images would be computed after the deadline`;
  return new VitrineError("network/deadline", text);
}
