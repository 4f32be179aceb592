// Ring: reductions of one group. Values flow along the chain of ranks, 0 → 1 → … → N − 1, each adding its terms to the
// sum that it receives (first pass), and the last rank's totals flow on, N − 1 → 0 → … → N − 2 (second pass). Every rank
// thus sends to the next one only, at most twice the bytes of the values, and the sum is taken in rank order. Values
// travel in frames, so that both passes of all reductions in flight overlap.
//
// No frame waits for one behind it: sums wait for this rank's own call, totals never do, since a total of a reduction
// comes only after this rank's terms. Each kind has credit of its own, so that sums that wait hold no totals up.

import {
  Cause,
  ELEMENT_BYTES,
  Element,
  FRAME_BYTES,
  type ReceivedFrame,
  type SentFrame,
} from "../../../proto/collective-codec.js";
import { freeMessage } from "../../../proto/message-memory.js";
import { VitrineError } from "../../../runtime/errors.js";
import { Pauses } from "../../../runtime/pauses.js";
import type { CollectiveStatistics, Group } from "./contract.js";
import type { NextLink, PreviousLink } from "./link-contract.js";
import { frameFault, type Reduction, Reductions } from "./reductions.js";
import { addTerms, fillSum, readValues, sumLocally, type Values, writeValues } from "./sums.js";
import { Traffic } from "./traffic.js";

export interface RingOptions {
  rank: number;
  world: number;
  generation: number;
  /** Of float32 values on the wire. */
  element: Element;
  /** Milliseconds for which a reduction may stand still. */
  stallMs: number;
  /** This rank found out that the group cannot go on. */
  onFailure(cause: Cause, rank: number, text: string): void;
  leave(reason: string): Promise<void>;
}

/** The first of several ranks to notice a stall is the one behind the rank that stands still: the others wait longer. */
const STALL_STEP_MS = 200;

export class Ring implements Group {
  readonly rank: number;
  readonly world: number;
  readonly generation: number;
  readonly #options: RingOptions;
  #next: NextLink | null = null;
  #previous: PreviousLink | null = null;
  #onNext: () => void = () => {};
  readonly nextConnected = new Promise<void>((resolve) => {
    this.#onNext = resolve;
  });
  #ended: Error | null = null;
  /** The reason of an end that lets some reductions complete. */
  #settling: Error | null = null;
  readonly #reductions = new Reductions();
  readonly #sums: ReceivedFrame[] = [];
  readonly #totals: ReceivedFrame[] = [];
  readonly #traffic: Traffic;
  readonly #pauses = new Pauses();
  #movedAt = performance.now();
  readonly #stallTimer: NodeJS.Timeout;

  constructor(options: RingOptions) {
    this.#options = options;
    this.rank = options.rank;
    this.world = options.world;
    this.generation = options.generation;
    this.#traffic = new Traffic(options.rank, options.world);
    this.#stallTimer = setInterval(() => this.#watchStall(), Math.max(50, options.stallMs / 8));
    this.#stallTimer.unref();
  }

  get ended(): Error | null {
    return this.#ended ?? this.#settling;
  }

  /** Reductions that this rank has completed. */
  get completed(): number {
    return this.#reductions.completed;
  }

  get previousRank(): number {
    return (this.rank + this.world - 1) % this.world;
  }

  get nextRank(): number {
    return (this.rank + 1) % this.world;
  }

  connectPrevious(link: PreviousLink): void {
    this.#previous = link;
    if (this.#ended) link.close();
    else this.pump();
  }

  connectNext(link: NextLink): void {
    this.#next = link;
    if (this.#ended) return void link.close();
    this.#onNext();
    this.pump();
  }

  get hasNext(): boolean {
    return this.#next !== null;
  }

  allReduce(terms: readonly Float32Array[], into: Float32Array): Promise<void> {
    return this.#reduce(terms, into, this.#options.element);
  }

  async sumScalars(terms: readonly Float64Array[]): Promise<Float64Array> {
    const into = new Float64Array(terms[0]?.length ?? 0);
    await this.#reduce(terms, into, Element.ELEMENT_FLOAT64);
    return into;
  }

  async #reduce(terms: readonly Values[], into: Values, element: Element): Promise<void> {
    if (this.ended) throw this.ended;
    const wrong = terms.find(({ length }) => length !== into.length);
    if (terms.length === 0 || wrong)
      throw new VitrineError(
        "collective/mismatch",
        terms.length === 0
          ? "a reduction has no terms"
          : `terms of ${wrong?.length} and ${into.length} values in one reduction`,
      );
    if (into.length === 0) return;
    if (this.world === 1) {
      sumLocally(terms, into);
      // Others may want to join, also where the trainer itself waits for nothing.
      return this.#pauses.pause();
    }
    if (this.#reductions.size === 0) this.#movedAt = performance.now();
    await this.#reductions.add(terms, into, element, () => this.pump());
  }

  statistics(): CollectiveStatistics {
    return this.#traffic.statistics(this.completed);
  }

  leave(reason = "it leaves the run"): Promise<void> {
    return this.#options.leave(reason);
  }

  /**
   * A rank has left after so many reductions: those complete, since it has sent on what the others need, and all later ones
   * reject with `error`. What takes longer than the limit rejects as well.
   */
  settle(error: Error, reductions: number, limitMs: number): void {
    if (this.ended) return;
    this.#settling = error;
    this.#reductions.rejectFrom(reductions, error);
    if (this.#reductions.size === 0) this.end(error);
    else setTimeout(() => this.end(error), limitMs).unref();
  }

  /** Everything pending rejects with `error`. */
  end(error: Error): void {
    if (this.#ended) return;
    this.#ended = error;
    clearInterval(this.#stallTimer);
    this.#closeLinks();
    this.#reductions.rejectFrom(0, error);
    this.#sums.length = 0;
    this.#totals.length = 0;
  }

  #closeLinks(): void {
    this.#previous?.close();
    this.#next?.close();
  }

  /** A frame of the previous rank. What it claims is checked when its turn comes. */
  receive(frame: ReceivedFrame): void {
    if (this.#ended) return;
    const { total, payload } = frame;
    const fault = frameFault(frame, this.rank, this.world);
    if (fault !== null) return void this.#mismatch(fault);
    this.#traffic.bytesReceived += payload.length;
    if (total) this.#totals.push(frame);
    else {
      this.#noteArrival(frame);
      this.#sums.push(frame);
    }
    this.pump();
  }

  #noteArrival({ sequence, offset, slowest }: ReceivedFrame): void {
    const reduction = this.#reductions.find(sequence);
    if (!reduction || offset !== 0) return;
    reduction.arrivedAt = performance.now();
    reduction.slowest = slowest;
  }

  /** Sends and takes in what can be. */
  pump(): void {
    if (this.#ended || !this.#next || !this.#previous) return;
    try {
      if (this.rank === 0) this.#startSums(this.#next);
      while (this.#sums.length > 0 && this.#takeSum(this.#sums[0], this.#next)) this.#sums.shift();
      while (this.#totals.length > 0 && this.#takeTotal(this.#totals[0], this.#next)) this.#totals.shift();
    } catch (error) {
      this.#blameOwn(error);
    }
  }

  /** Memory of the terms that is gone, such as that of a WebAssembly module that has grown. */
  #blameOwn(error: unknown): void {
    this.#options.onFailure(Cause.CAUSE_MISMATCH, this.rank, `its values cannot be read (${String(error)})`);
  }

  /** Rank 0: sums of its own terms, as far as the credit goes. */
  #startSums(next: NextLink): void {
    for (;;) {
      const reduction = this.#reductions.nextToSum;
      if (!reduction) return;
      const { element, terms, into, sequence } = reduction;
      const width = ELEMENT_BYTES[element];
      const offset = reduction.summed;
      const values = Math.min(into.length - offset, FRAME_BYTES / width);
      if (!next.covers(false, values * width)) return;
      const head = { sequence, count: into.length, offset, element, total: false, slowest: 0 };
      this.#send(next, {
        head,
        payloadBytes: values * width,
        fill: (payload) => fillSum(element, payload, terms, offset),
      });
      this.#reductions.advance(reduction, values);
    }
  }

  /** Adds this rank's terms to a sum and passes it on. False where it has to wait. */
  #takeSum(frame: ReceivedFrame, next: NextLink): boolean {
    const { payload, element, offset, count, message } = frame;
    const reduction = this.#match(frame);
    if (!reduction) return false;
    const isLast = this.rank === this.world - 1;
    if (!next.covers(isLast, payload.length)) return false;
    // The first values were there before this rank's own call: it is the last one so far.
    const slowest = reduction.arrivedAt === null ? this.rank : reduction.slowest;
    const head = { sequence: frame.sequence, count, offset, element, total: isLast, slowest };
    const sum = readValues(element, payload);
    const { terms, into } = reduction;
    // Both are empty once the frame is written and its memory free.
    const [granted, values] = [payload.length, sum.length];
    if (isLast) {
      addTerms(sum, terms, offset);
      writeValues(element, payload, sum);
      into.set(readValues(element, payload), offset);
      reduction.slowest = slowest;
    }
    this.#send(next, {
      head,
      payloadBytes: granted,
      fill: (target) => {
        if (isLast) target.set(payload);
        else {
          addTerms(sum, terms, offset);
          writeValues(element, target, sum);
        }
        freeMessage(message);
        this.#previous?.grant(false, granted);
      },
    });
    this.#reductions.advance(reduction, values);
    if (isLast) this.#finish(reduction, values);
    return true;
  }

  #takeTotal(frame: ReceivedFrame, next: NextLink): boolean {
    const { payload, element, offset, message, slowest } = frame;
    const reduction = this.#match(frame);
    if (!reduction) return false;
    const values = payload.length / ELEMENT_BYTES[element];
    if (offset + values > reduction.summed)
      return this.#mismatch(`totals to value ${offset + values}, where sums end at ${reduction.summed}`);
    const granted = payload.length;
    const isForwarded = this.nextRank !== this.world - 1;
    if (isForwarded && !next.covers(true, granted)) return false;
    reduction.arrivedAt ??= performance.now();
    reduction.slowest = slowest < this.world ? slowest : this.rank;
    reduction.into.set(readValues(element, payload), offset);
    const release = (): void => {
      freeMessage(message);
      this.#previous?.grant(true, granted);
    };
    if (isForwarded) {
      this.#send(next, {
        head: headOf(frame),
        payloadBytes: granted,
        fill: (target) => {
          target.set(payload);
          release();
        },
      });
    } else release();
    this.#finish(reduction, values);
    return true;
  }

  /** Undefined where the reduction is yet to be called, or is another one. */
  #match(frame: ReceivedFrame): Reduction | undefined {
    const reduction = this.#reductions.match(frame);
    if (typeof reduction !== "string") return reduction;
    this.#mismatch(reduction);
    return undefined;
  }

  #finish(reduction: Reduction, values: number): void {
    this.#movedAt = performance.now();
    if (!this.#reductions.finish(reduction, values)) return;
    this.#traffic.note(reduction);
    if (this.#settling && this.#reductions.size === 0) this.end(this.#settling);
  }

  #send(next: NextLink, frame: SentFrame): void {
    this.#movedAt = performance.now();
    this.#traffic.bytesSent += frame.payloadBytes;
    // After the end the terms may have other values: the error ends the stream, and nobody takes them for a sum.
    const fill = (payload: Uint8Array): void => {
      if (this.#ended && !frame.head.total) throw this.#ended;
      try {
        frame.fill(payload);
      } catch (error) {
        this.#blameOwn(error);
        throw error;
      }
    };
    next.send({ ...frame, fill });
  }

  #mismatch(text: string): false {
    this.#options.onFailure(Cause.CAUSE_MISMATCH, this.previousRank, `it sends ${text}`);
    return false;
  }

  #watchStall(): void {
    const { stallMs, onFailure } = this.#options;
    const waitsMs = stallMs + STALL_STEP_MS * (this.rank === 0 ? this.world : this.rank);
    if (this.ended || this.#reductions.size === 0 || performance.now() - this.#movedAt < waitsMs) return;
    onFailure(Cause.CAUSE_STALLED, this.previousRank, `no values came from it for ${stallMs / 1000} s`);
  }
}

const headOf = ({ sequence, count, offset, element, total, slowest }: ReceivedFrame) => ({
  ...{ sequence, count, offset, element, total, slowest },
});
