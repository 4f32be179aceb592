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
import type { CollectiveStatistics, Group } from "./contract.js";
import { addTerms, readValues, startSum, type Values, writeValues } from "./sums.js";

/** The stream to the next rank. */
export interface NextLink {
  /** Whether the credit covers a frame with so many bytes of payload. */
  covers(total: boolean, payloadBytes: number): boolean;
  send(frame: SentFrame): void;
  close(): void;
}

/** The stream from the previous rank. */
export interface PreviousLink {
  /** The frame's memory is free again. */
  grant(total: boolean, payloadBytes: number): void;
  close(): void;
}

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

interface Reduction {
  sequence: number;
  element: Element;
  terms: readonly Values[];
  into: Values;
  /** Values that this rank has taken part in. */
  summed: number;
  /** Values of `into` that are totals. */
  done: number;
  calledAt: number;
  /** When the first values of the ranks before this one came; null until then. */
  arrivedAt: number | null;
  slowest: number;
  resolve(): void;
  reject(error: Error): void;
}

const NAMES: Readonly<Record<Element, string>> = {
  [Element.ELEMENT_FLOAT32]: "float32",
  [Element.ELEMENT_FLOAT16]: "float16",
  [Element.ELEMENT_BFLOAT16]: "bfloat16",
  [Element.ELEMENT_FLOAT64]: "float64",
};

const described = (sequence: number, count: number, element: Element): string =>
  `reduction ${sequence} of ${count.toLocaleString("en-US")} ${NAMES[element] ?? "unknown"} values`;

/** The first of several ranks to notice a stall is the one behind the rank that stands still: the others wait longer. */
const STALL_STEP_MS = 200;

export class Ring implements Group {
  readonly rank: number;
  readonly world: number;
  readonly generation: number;
  readonly #options: RingOptions;
  #next: NextLink | null = null;
  #previous: PreviousLink | null = null;
  #ended: Error | null = null;
  /** The reason of an end that lets some reductions complete. */
  #settling: Error | null = null;
  /** Reductions in flight, by their numbers, in the order of the calls. */
  readonly #reductions = new Map<number, Reduction>();
  #calls = 0;
  /** The next reduction of which sums come, and of which totals come. */
  #sumSequence = 0;
  #totalSequence = 0;
  readonly #sums: ReceivedFrame[] = [];
  readonly #totals: ReceivedFrame[] = [];
  #bytesSent = 0;
  #bytesReceived = 0;
  /** Milliseconds that this rank waited for each one. */
  readonly #waits: Float64Array;
  #movedAt = performance.now();
  readonly #stallTimer: NodeJS.Timeout;

  constructor(options: RingOptions) {
    this.#options = options;
    this.rank = options.rank;
    this.world = options.world;
    this.generation = options.generation;
    this.#waits = new Float64Array(options.world);
    this.#stallTimer = setInterval(() => this.#watchStall(), Math.max(50, options.stallMs / 8));
    this.#stallTimer.unref();
  }

  get ended(): Error | null {
    return this.#ended ?? this.#settling;
  }

  /** Reductions that this rank has completed. */
  get completed(): number {
    return this.#calls - this.#reductions.size;
  }

  get previousRank(): number {
    return (this.rank + this.world - 1) % this.world;
  }

  get nextRank(): number {
    return (this.rank + 1) % this.world;
  }

  connect(previous: PreviousLink, next: NextLink): void {
    this.#previous = previous;
    this.#next = next;
    if (this.#ended) this.#closeLinks();
    else this.pump();
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
      startSum(into, terms[0], 0);
      addTerms(into, terms.slice(1), 0);
      return;
    }
    const sequence = this.#calls++;
    const times = { calledAt: performance.now(), arrivedAt: null };
    if (this.#reductions.size === 0) this.#movedAt = times.calledAt;
    await new Promise<void>((resolve, reject) => {
      const progress = { summed: 0, done: 0, slowest: this.rank };
      this.#reductions.set(sequence, {
        ...{ sequence, element, terms, into, resolve, reject },
        ...times,
        ...progress,
      });
      this.pump();
    });
  }

  statistics(): CollectiveStatistics {
    const waited = this.#waits.reduce((sum, wait) => sum + wait, 0);
    const most = this.#waits.indexOf(Math.max(...this.#waits));
    return {
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
      reductions: this.completed,
      waitSeconds: waited / 1000,
      slowest: waited > 0 ? most : null,
      slowestFraction: waited > 0 ? this.#waits[most] / waited : 0,
    };
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
    for (const [sequence, { reject }] of this.#reductions)
      if (sequence >= reductions && this.#reductions.delete(sequence)) reject(error);
    if (this.#reductions.size === 0) this.end(error);
    else setTimeout(() => this.end(error), limitMs).unref();
  }

  /** Everything pending rejects with `error`. */
  end(error: Error): void {
    if (this.#ended) return;
    this.#ended = error;
    clearInterval(this.#stallTimer);
    this.#closeLinks();
    for (const { reject } of this.#reductions.values()) reject(error);
    this.#reductions.clear();
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
    const { total, payload, element, offset, count } = frame;
    const width = ELEMENT_BYTES[element];
    const values = payload.length / (width ?? 1);
    const isWrongPass = total ? this.rank === this.world - 1 : this.rank === 0;
    if (
      isWrongPass ||
      width === undefined ||
      values < 1 ||
      !Number.isInteger(values) ||
      offset + values > count
    )
      return void this.#mismatch(
        `${payload.length} bytes ${total ? "of totals" : "of sums"} at value ${offset} of ${described(frame.sequence, count, element)}`,
      );
    this.#bytesReceived += payload.length;
    if (total) this.#totals.push(frame);
    else {
      this.#noteArrival(frame);
      this.#sums.push(frame);
    }
    this.pump();
  }

  #noteArrival({ sequence, offset, slowest }: ReceivedFrame): void {
    const reduction = this.#reductions.get(sequence);
    if (!reduction || offset !== 0) return;
    reduction.arrivedAt = performance.now();
    reduction.slowest = slowest;
  }

  /** Sends and takes in what can be. */
  pump(): void {
    if (this.#ended || !this.#next || !this.#previous) return;
    if (this.rank === 0) this.#startSums(this.#next);
    while (this.#sums.length > 0 && this.#takeSum(this.#sums[0], this.#next)) this.#sums.shift();
    while (this.#totals.length > 0 && this.#takeTotal(this.#totals[0], this.#next)) this.#totals.shift();
  }

  /** Rank 0: sums of its own terms, as far as the credit goes. */
  #startSums(next: NextLink): void {
    for (;;) {
      const reduction = this.#reductions.get(this.#sumSequence);
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
      this.#advance(reduction, values);
    }
  }

  #advance(reduction: Reduction, values: number): void {
    reduction.summed += values;
    if (reduction.summed === reduction.into.length) this.#sumSequence++;
  }

  /** Adds this rank's terms to a sum and passes it on. False where it has to wait. */
  #takeSum(frame: ReceivedFrame, next: NextLink): boolean {
    const { payload, element, offset, count, message } = frame;
    const reduction = this.#check(frame, this.#sumSequence);
    if (!reduction) return false;
    const isLast = this.rank === this.world - 1;
    if (offset !== reduction.summed)
      return this.#mismatch(`value ${offset} of sums instead of ${reduction.summed}`);
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
    this.#advance(reduction, values);
    if (isLast) this.#finish(reduction, values);
    return true;
  }

  #takeTotal(frame: ReceivedFrame, next: NextLink): boolean {
    const { payload, element, offset, message, slowest } = frame;
    const reduction = this.#check(frame, this.#totalSequence);
    if (!reduction) return false;
    const values = payload.length / ELEMENT_BYTES[element];
    if (offset !== reduction.done || offset + values > reduction.summed)
      return this.#mismatch(`value ${offset} of totals instead of ${reduction.done}`);
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
      const head = { ...headOf(frame) };
      this.#send(next, {
        head,
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

  /** The reduction that a frame is of; null where it is yet to be called, or is another one. */
  #check({ sequence, count, element }: ReceivedFrame, expected: number): Reduction | null {
    const reduction = this.#reductions.get(expected);
    if (sequence !== expected) {
      this.#mismatch(`${described(sequence, count, element)}; expected reduction ${expected}`);
      return null;
    }
    if (!reduction) return null;
    if (count === reduction.into.length && element === reduction.element) return reduction;
    const own = described(sequence, reduction.into.length, reduction.element);
    this.#mismatch(`${described(sequence, count, element)}; here it is ${own}`);
    return null;
  }

  #finish(reduction: Reduction, values: number): void {
    this.#movedAt = performance.now();
    reduction.done += values;
    if (reduction.done < reduction.into.length) return;
    if (this.rank !== this.world - 1) this.#totalSequence++;
    this.#reductions.delete(reduction.sequence);
    if (reduction.slowest !== this.rank && reduction.arrivedAt !== null)
      this.#waits[reduction.slowest] += Math.max(0, reduction.arrivedAt - reduction.calledAt);
    reduction.resolve();
    if (this.#settling && this.#reductions.size === 0) this.end(this.#settling);
  }

  #send(next: NextLink, frame: SentFrame): void {
    this.#movedAt = performance.now();
    this.#bytesSent += frame.payloadBytes;
    // After the end the terms may have other values: the error ends the stream, and nobody takes them for a sum.
    const fill = (payload: Uint8Array): void => {
      if (this.#ended && !frame.head.total) throw this.#ended;
      frame.fill(payload);
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

/** The first sum, in its place in the frame where that is aligned. */
function fillSum(element: Element, payload: Uint8Array, terms: readonly Values[], at: number): void {
  const values = payload.length / ELEMENT_BYTES[element];
  const isInPlace = element === Element.ELEMENT_FLOAT32 && payload.byteOffset % 4 === 0;
  const sum = isInPlace
    ? new Float32Array(payload.buffer, payload.byteOffset, values)
    : element === Element.ELEMENT_FLOAT64
      ? new Float64Array(values)
      : new Float32Array(values);
  startSum(sum, terms[0], at);
  addTerms(sum, terms.slice(1), at);
  if (!isInPlace) writeValues(element, payload, sum);
}
