// Admission: what is refused the moment it arrives, before memory or time is spent on it.

import { VitrineError } from "../../../runtime/errors.js";
import { type InferenceRequest, imageCount, type ModelFacts, type RequestImages } from "../contract.js";
import type { PictureDecoder } from "../pictures/picture-decoder.js";
import { kindOf } from "./batch.js";
import type { Batcher, ExpectedRequest, QueuedRequest } from "./batcher.js";
import { givingWay, type Place } from "./fair-places.js";

/** Bytes that the requests in progress of an engine may hold, in messages of the largest size. */
const HELD_MESSAGES = 2;

/** A caller is never asked to come back later than that. */
const MAX_RETRY_MS = 60_000;

export interface AdmissionOptions {
  facts: () => ModelFacts;
  batcher: Batcher;
  pictures: PictureDecoder;
}

/** Bytes of the images as the caller sent them. */
function bytesOf(images: RequestImages): number {
  if (images.kind !== "pictures") return images.data.byteLength;
  return images.files.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/** A request that was admitted: what it holds, until it ends. */
export class Admitted implements Place {
  readonly caller: string;
  readonly bytes: number;
  readonly #count: number;
  readonly #leave: (admitted: Admitted) => void;
  #queued: QueuedRequest | undefined;

  constructor({ images, life }: InferenceRequest, bytes: number, leave: (admitted: Admitted) => void) {
    this.caller = life.caller ?? "";
    this.bytes = bytes;
    this.#count = imageCount(images);
    this.#leave = leave;
  }

  /** It waits in the batcher from now on, and may have to leave it for another caller's. */
  entered(queued: QueuedRequest): void {
    this.#queued = queued;
  }

  get images(): number {
    return this.#queued?.waiting ?? this.#count;
  }

  get isWaiting(): boolean {
    return this.#queued?.waiting === this.#count;
  }

  /** Gives back what it holds; called again, it does nothing. */
  leave(): void {
    this.#leave(this);
  }

  giveWay(error: VitrineError): void {
    this.leave();
    this.#queued?.fail(error);
  }
}

export class Admission {
  readonly #options: AdmissionOptions;
  /** In the order of their arrival. */
  readonly #admitted = new Set<Admitted>();
  #heldBytes = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Bytes of pictures and tensors of the requests in progress. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Throws `protocol/tensor` for too many images, `image/size` for images of another size, `network/queue-full`,
   * `network/overloaded`, `network/deadline` and `network/canceled`. Where places are taken and the caller has fewer than
   * its share, requests of another one give theirs back, with `network/queue-full`.
   */
  admit(request: InferenceRequest): Admitted {
    const { images, life } = request;
    this.#checkCount(imageCount(images));
    this.#checkSize(images);
    if (life.signal.aborted) throw new VitrineError("network/canceled", "the caller canceled the request");
    const bytes = bytesOf(images);
    const giving = this.#checkPlaces(request, bytes);
    this.#checkDeadline(request);
    for (const admitted of giving) admitted.giveWay(this.#otherCallers(request));
    const admitted = new Admitted(request, bytes, (leaving) => {
      if (this.#admitted.delete(leaving)) this.#heldBytes -= leaving.bytes;
    });
    this.#admitted.add(admitted);
    this.#heldBytes += bytes;
    return admitted;
  }

  #otherCallers(newcomer: InferenceRequest): VitrineError {
    const { maxQueue } = this.#options.facts().limits;
    const text =
      `the queue of ${maxQueue} images is full, and this caller had more than its share of it while others wait. ` +
      "Try again later";
    return new VitrineError("network/queue-full", text, {
      details: {
        maxQueue,
        retryAfterMs: retryAfter(this.#options.batcher.expectedSeconds(expected(newcomer, 1))),
      },
    });
  }

  #checkCount(count: number): void {
    const { maxImages, maxQueue } = this.#options.facts().limits;
    const most = Math.min(maxImages, maxQueue);
    if (count >= 1 && count <= most) return;
    const text = `the request has ${count.toLocaleString("en-US")} images; allowed: 1 to ${most.toLocaleString("en-US")}`;
    throw new VitrineError("protocol/tensor", text, { details: { count, maxImages: most } });
  }

  #checkSize(images: RequestImages): void {
    if (images.kind === "pictures") return;
    const { imageSize: size } = this.#options.facts().config;
    const { count, kind, data } = images;
    const wanted = count * size * size * 3;
    if (data.length === wanted) return;
    const text = `${kind}: ${data.length} numbers for ${count} images, expected ${wanted}: ${count} of ${size}×${size}×3`;
    throw new VitrineError("image/size", text, { details: { count, got: data.length, wanted } });
  }

  /** The requests that must give way for this one. */
  #checkPlaces(request: InferenceRequest, bytes: number): Admitted[] {
    const { batcher, facts } = this.#options;
    const { maxQueue, maxMessageBytes } = facts().limits;
    const count = imageCount(request.images);
    const { queued } = batcher;
    const maxBytes = HELD_MESSAGES * maxMessageBytes;
    const lacksPlaces = queued + count > maxQueue;
    if (!lacksPlaces && (this.#heldBytes + bytes <= maxBytes || this.#heldBytes === 0)) return [];
    const newcomer = { caller: request.life.caller ?? "", images: count, bytes };
    const giving = givingWay(this.#admitted, newcomer, { images: maxQueue, bytes: maxBytes });
    if (giving) return giving;
    const retryAfterMs = retryAfter(batcher.expectedSeconds(expected(request, 1)));
    if (lacksPlaces) {
      const text = `${queued} images are waiting and ${count} more were sent; allowed: ${maxQueue}. Try again later`;
      throw new VitrineError("network/queue-full", text, {
        details: { queued, count, maxQueue, retryAfterMs },
      });
    }
    const held = `the requests in progress hold ${this.#heldBytes.toLocaleString("en-US")} bytes`;
    const text = `${held} and ${bytes.toLocaleString("en-US")} more were sent; allowed: ${maxBytes.toLocaleString("en-US")}. Try again later`;
    throw new VitrineError("network/queue-full", text, { details: { bytes, maxBytes, retryAfterMs } });
  }

  /** A request with nothing before it is always tried: only what runs tells how long it takes. */
  #checkDeadline(request: InferenceRequest): void {
    const { images, priority, life } = request;
    const leftMs = life.deadline - Date.now();
    if (leftMs <= 0) throw new VitrineError("network/deadline", "the deadline had passed on arrival");
    const { batcher, pictures, facts } = this.#options;
    if (leftMs === Number.POSITIVE_INFINITY || batcher.isIdle) return;
    const count = imageCount(images);
    const all = expected(request, count);
    const compute = batcher.expectedSeconds(all, leftMs);
    const decode = images.kind === "pictures" ? pictures.expectedSeconds(count, priority, all.caller) : 0;
    const last = batcher.batchSeconds(Math.min(count, facts().limits.maxBatch), all.kind);
    const expectedMs = Math.ceil(1000 * Math.max(compute, decode + last));
    if (expectedMs <= leftMs) return;
    batcher.countRefused();
    const text = `the answer would take ${expectedMs} ms, and the deadline is in ${Math.floor(leftMs)} ms. Try again later`;
    throw new VitrineError("network/overloaded", text, {
      details: {
        expectedMs,
        leftMs: Math.floor(leftMs),
        retryAfterMs: retryAfter((expectedMs - leftMs) / 1000),
      },
    });
  }
}

function retryAfter(seconds: number): number {
  return Math.min(MAX_RETRY_MS, Math.max(1, Math.ceil(seconds * 1000)));
}

/** `count` images of a request, as the batcher counts them. */
function expected({ images, extra, priority, life }: InferenceRequest, count: number): ExpectedRequest {
  const kind = kindOf(images.kind === "values" ? "values" : "pixels", extra);
  return { count, kind, priority, caller: life.caller ?? "" };
}
