// Batch times: how long the device is expected to compute a batch, by its size, from those that it computed.
//
// The machine's speed changes, and often only batches of some sizes run: every batch corrects the times of all sizes.
// What is promised to requests with deadlines has a margin, which grows when one was answered late, and shrinks while
// requests are refused although batches have room.

/** Part of the difference, as a power, by which a batch corrects the times of all sizes, and more of its own. */
const CORRECTION = 0.2;
const OWN_CORRECTION = 0.15;

/** A batch corrects by no more than this factor: it may have been a hiccup. */
const MAX_DIFFERENCE = 2;

const FIRST_MARGIN = 1.15;
const MIN_MARGIN = 1;
const MAX_MARGIN = 2;
const WIDER = 0.05;
const NARROWER = 0.01;

export class BatchTimes {
  readonly #maxBatch: number;
  /** Seconds, by the size of the program that ran: a power of two, or the largest batch. */
  readonly #seconds = new Map<number, number>();
  #margin = FIRST_MARGIN;

  constructor(maxBatch: number) {
    this.#maxBatch = maxBatch;
  }

  #sizeFor(images: number): number {
    return Math.min(2 ** Math.ceil(Math.log2(images)), this.#maxBatch);
  }

  add(images: number, seconds: number): void {
    const size = this.#sizeFor(images);
    const expected = this.#seconds.get(size);
    if (expected === undefined) {
      this.#seconds.set(size, seconds);
      return;
    }
    const difference = Math.min(MAX_DIFFERENCE, Math.max(1 / MAX_DIFFERENCE, seconds / expected));
    for (const [other, known] of this.#seconds) this.#seconds.set(other, known * difference ** CORRECTION);
    this.#seconds.set(size, expected * difference ** (CORRECTION + OWN_CORRECTION));
  }

  /** A batch ended: with requests that were answered late, or with room while others were refused. */
  adjustMargin(isLate: boolean, hadRoomForRefused: boolean): void {
    if (isLate) this.#margin = Math.min(MAX_MARGIN, this.#margin + WIDER);
    else if (hadRoomForRefused) this.#margin = Math.max(MIN_MARGIN, this.#margin - NARROWER);
  }

  /** Seconds for a batch of `images`, with the margin; 0 where no batch has run. */
  ofBatch(images: number): number {
    return images <= 0 ? 0 : this.#ofSize(this.#sizeFor(images)) * this.#margin;
  }

  /** Twice as many images take at least as long, and no longer than two batches: what was measured lately decides. */
  #ofSize(size: number): number {
    const known = this.#seconds.get(size);
    const half = size > 1 ? this.#sizeFor(size / 2) : 0;
    if (!this.#knowsUpTo(half)) return known ?? this.#inProportion(size);
    const least = this.#ofSize(half);
    return Math.min(Math.max(known ?? 2 * least, least), 2 * least);
  }

  /** Whether a batch of at most `size` has run. */
  #knowsUpTo(size: number): boolean {
    return [...this.#seconds.keys()].some((known) => known <= size);
  }

  /** From the next larger size; 0 where there is none. */
  #inProportion(size: number): number {
    const larger = Math.min(...this.#seconds.keys());
    return Number.isFinite(larger) ? ((this.#seconds.get(larger) as number) * size) / larger : 0;
  }

  /** Seconds for any number of images, in as few batches as possible. */
  ofImages(images: number): number {
    const full = Math.floor(images / this.#maxBatch);
    return full * this.ofBatch(this.#maxBatch) + this.ofBatch(images - full * this.#maxBatch);
  }
}
