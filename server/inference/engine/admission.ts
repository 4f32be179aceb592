// Admission: what is refused the moment it arrives, before memory or time is spent on it.

import { VitrineError } from "../../../runtime/errors.js";
import { type InferenceRequest, imageCount, type ModelFacts, type RequestImages } from "../contract.js";
import type { PictureDecoder } from "../pictures/picture-decoder.js";
import { kindOf } from "./batch.js";
import type { Batcher } from "./batcher.js";

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

export class Admission {
  readonly #options: AdmissionOptions;
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
   * `network/overloaded`, `network/deadline` and `network/canceled`. Returns what gives back the bytes that the request
   * holds, for its end.
   */
  admit(request: InferenceRequest): () => void {
    const { images, life } = request;
    this.#checkCount(imageCount(images));
    this.#checkSize(images);
    if (life.signal.aborted) throw new VitrineError("network/canceled", "the caller canceled the request");
    const bytes = bytesOf(images);
    this.#checkPlaces(request, bytes);
    this.#checkDeadline(request);
    this.#heldBytes += bytes;
    return () => {
      this.#heldBytes -= bytes;
    };
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

  #checkPlaces({ images, extra, priority }: InferenceRequest, bytes: number): void {
    const { batcher, facts } = this.#options;
    const { maxQueue, maxMessageBytes } = facts().limits;
    const count = imageCount(images);
    const { queued } = batcher;
    const maxBytes = HELD_MESSAGES * maxMessageBytes;
    const retryAfterMs = (): number => {
      const kind = kindOf(images.kind === "values" ? "values" : "pixels", extra);
      return retryAfter(batcher.expectedSeconds(1, kind, priority));
    };
    if (queued + count > maxQueue) {
      const text = `${queued} images are waiting and ${count} more were sent; allowed: ${maxQueue}. Try again later`;
      throw new VitrineError("network/queue-full", text, {
        details: { queued, count, maxQueue, retryAfterMs: retryAfterMs() },
      });
    }
    if (this.#heldBytes + bytes > maxBytes && this.#heldBytes > 0) {
      const held = `the requests in progress hold ${this.#heldBytes.toLocaleString("en-US")} bytes`;
      const text = `${held} and ${bytes.toLocaleString("en-US")} more were sent; allowed: ${maxBytes.toLocaleString("en-US")}. Try again later`;
      throw new VitrineError("network/queue-full", text, {
        details: { bytes, maxBytes, retryAfterMs: retryAfterMs() },
      });
    }
  }

  /** A request with nothing before it is always tried: only what runs tells how long it takes. */
  #checkDeadline({ images, extra, priority, life }: InferenceRequest): void {
    const leftMs = life.deadline - Date.now();
    if (leftMs <= 0) throw new VitrineError("network/deadline", "the deadline had passed on arrival");
    const { batcher, pictures, facts } = this.#options;
    if (leftMs === Number.POSITIVE_INFINITY || batcher.isIdle) return;
    const count = imageCount(images);
    const kind = kindOf(images.kind === "values" ? "values" : "pixels", extra);
    const compute = batcher.expectedSeconds(count, kind, priority, leftMs);
    const decode = images.kind === "pictures" ? pictures.expectedSeconds(count, priority) : 0;
    const last = batcher.batchSeconds(Math.min(count, facts().limits.maxBatch), kind);
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
