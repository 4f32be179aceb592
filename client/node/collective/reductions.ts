// Reductions in flight: the calls of this rank in their order, how far each is, and which of them a frame is of.

import { ELEMENT_BYTES, Element, type ReceivedFrame } from "../../../proto/collective-codec.js";
import type { Values } from "./sums.js";

export interface Reduction {
  readonly sequence: number;
  readonly element: Element;
  readonly terms: readonly Values[];
  readonly into: Values;
  /** Values that this rank has added its terms to. */
  summed: number;
  /** Values of `into` that are totals. */
  done: number;
  /** performance.now() of the call, and of the first values of the ranks before this one; null until they come. */
  readonly calledAt: number;
  arrivedAt: number | null;
  /** The rank that took part last. */
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

type Claim = Pick<ReceivedFrame, "sequence" | "count" | "element">;

const describeReduction = ({ sequence, count, element }: Claim): string =>
  `reduction ${sequence} of ${count.toLocaleString("en-US")} ${NAMES[element] ?? "unknown"} values`;

/** What is wrong with a frame, whatever is in flight; null: nothing. */
export function frameFault(frame: ReceivedFrame, rank: number, world: number): string | null {
  const { total, payload, element, offset, count } = frame;
  // 0 of an unknown type: no payload is a multiple of it.
  const values = payload.length / (ELEMENT_BYTES[element] ?? 0);
  const isOfWrongPass = rank === (total ? world - 1 : 0);
  if (!isOfWrongPass && values >= 1 && Number.isInteger(values) && offset + values <= count) return null;
  const kind = total ? "totals" : "sums";
  return `${payload.length} bytes of ${kind} at value ${offset} of ${describeReduction(frame)}`;
}

export class Reductions {
  /** By their numbers, in the order of the calls. */
  readonly #inFlight = new Map<number, Reduction>();
  #calls = 0;
  /** The reductions of which the next sums and the next totals are. */
  #summing = 0;
  #totaling = 0;

  get size(): number {
    return this.#inFlight.size;
  }

  /** They complete in the order of the calls. */
  get completed(): number {
    return this.#calls - this.#inFlight.size;
  }

  /** Resolves when the totals are there. `started` is called once it is in flight. */
  add(terms: readonly Values[], into: Values, element: Element, started: () => void): Promise<void> {
    const sequence = this.#calls++;
    return new Promise((resolve, reject) => {
      const progress = { summed: 0, done: 0, calledAt: performance.now(), arrivedAt: null, slowest: 0 };
      this.#inFlight.set(sequence, { sequence, element, terms, into, resolve, reject, ...progress });
      started();
    });
  }

  /** The one of which the next sums are, if it has been called. */
  get nextToSum(): Reduction | undefined {
    return this.#inFlight.get(this.#summing);
  }

  find(sequence: number): Reduction | undefined {
    return this.#inFlight.get(sequence);
  }

  /** The reduction that the next frame is of; undefined where it is yet to be called; a text where the frame does not fit. */
  match(frame: ReceivedFrame): Reduction | string | undefined {
    const expected = frame.total ? this.#totaling : this.#summing;
    if (frame.sequence !== expected) return `${describeReduction(frame)}; expected reduction ${expected}`;
    const reduction = this.#inFlight.get(expected);
    if (!reduction) return undefined;
    const { into, element, done, summed } = reduction;
    const own = { sequence: expected, count: into.length, element };
    if (frame.count !== own.count || frame.element !== element)
      return `${describeReduction(frame)}; here it is ${describeReduction(own)}`;
    const [kind, at] = frame.total ? ["totals", done] : ["sums", summed];
    return frame.offset === at ? reduction : `value ${frame.offset} of ${kind} instead of ${at}`;
  }

  /** This rank has added its terms to so many more values. */
  advance(reduction: Reduction, values: number): void {
    reduction.summed += values;
    if (reduction.summed === reduction.into.length) this.#summing++;
  }

  /** So many more values are totals. True where they are the last ones: the call resolves. */
  finish(reduction: Reduction, values: number): boolean {
    reduction.done += values;
    if (reduction.done < reduction.into.length) return false;
    this.#totaling++;
    this.#inFlight.delete(reduction.sequence);
    reduction.resolve();
    return true;
  }

  /** All from this number on. */
  rejectFrom(first: number, error: Error): void {
    for (const [sequence, { reject }] of this.#inFlight)
      if (sequence >= first && this.#inFlight.delete(sequence)) reject(error);
  }
}
