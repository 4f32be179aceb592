// Batch times: how long the device computes a batch, by its size, as measured the last times.

import { type RecentSeconds, recentSeconds } from "./recent-seconds.js";

export class BatchTimes {
  readonly #maxBatch: number;
  /** By the size of the program that ran: a power of two, or the largest batch. */
  readonly #sizes = new Map<number, RecentSeconds>();

  constructor(maxBatch: number) {
    this.#maxBatch = maxBatch;
  }

  #sizeFor(images: number): number {
    return Math.min(2 ** Math.ceil(Math.log2(images)), this.#maxBatch);
  }

  add(images: number, seconds: number): void {
    const size = this.#sizeFor(images);
    const known = this.#sizes.get(size) ?? recentSeconds();
    this.#sizes.set(size, known);
    known.add(seconds);
  }

  /** Seconds for a batch of `images`, nearly never exceeded; 0 where no batch has run. */
  ofBatch(images: number): number {
    if (images <= 0) return 0;
    const size = this.#sizeFor(images);
    const known = this.#sizes.get(size);
    if (known) return known.cautious();
    // In proportion to the nearest size: too much from a smaller batch, too little from a larger one.
    const [nearest] = [...this.#sizes].sort(([a], [b]) => distance(a, size) - distance(b, size));
    return nearest ? (nearest[1].cautious() * size) / nearest[0] : 0;
  }

  /** Seconds for any number of images, in as few batches as possible. */
  ofImages(images: number): number {
    const full = Math.floor(images / this.#maxBatch);
    return full * this.ofBatch(this.#maxBatch) + this.ofBatch(images - full * this.#maxBatch);
  }
}

/** Between two sizes, in doublings. */
function distance(a: number, b: number): number {
  return Math.abs(Math.log2(a / b));
}
