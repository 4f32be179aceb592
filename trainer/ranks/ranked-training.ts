// Ranked training: a training whose batches are computed by several ranks. Each computes the gradients of its pieces, all
// of them are added up in the order of the pieces, and each rank applies the sum: its weights, moments and average are
// then those of every other rank, bit for bit, and of one process that computes all pieces.

import type { Group } from "../../client/node/collective/contract.js";
import type {
  AppliedStep,
  BatchLoss,
  LossSums,
  OptimizerStep,
  PieceTraining,
  TrainingInputs,
} from "../../runtime/training/contract.js";
import { batchLoss } from "../../runtime/training/loss-terms.js";
import { DelegatedTraining } from "./delegated-training.js";
import { computePieces } from "./piece-sum.js";

const SUMS: readonly (keyof LossSums)[] = ["loss", "base", "distillation", "alike", "compared"];

const toNumbers = (sums: LossSums): Float64Array => Float64Array.from(SUMS, (key) => sums[key]);

const fromNumbers = (numbers: Float64Array): LossSums =>
  Object.fromEntries(SUMS.map((key, at) => [key, numbers[at]])) as Record<keyof LossSums, number>;

/** 4 MiB: long enough for the chain's speed, and a sixth of DeiT-Tiny. */
const BUCKET_VALUES = 1 << 20;

/** A part of the gradient on its way, in milliseconds since its step began. */
export interface Bucket {
  first: number;
  end: number;
  sentMs: number;
  summedMs: number;
}

/** How long a step computed and waited, in milliseconds since it began. */
export interface StepTrace {
  computedMs: number;
  summedMs: number;
  buckets: readonly Bucket[];
}

/** What a rank adds to a step. */
export interface RankPart {
  /** Pieces of each batch that it computes. */
  pieces: number;
  isDistilled: boolean;
}

export class RankedTraining extends DelegatedTraining {
  readonly #group: Group;
  readonly #gradients: readonly Float32Array[];
  readonly #isDistilled: boolean;
  /** Of the step that was accumulated last; null before the first. */
  lastStep: StepTrace | null = null;

  /** `own` computes one piece at a time. */
  constructor(own: PieceTraining, group: Group, { pieces, isDistilled }: RankPart) {
    super(own);
    this.#group = group;
    this.#isDistilled = isDistilled;
    this.#gradients = Array.from({ length: pieces }, () => new Float32Array(own.trainedCount));
  }

  /** With the gradients of this rank's pieces. */
  get bytes(): number {
    return this.#gradients.reduce((sum, { byteLength }) => sum + byteLength, this.own.bytes);
  }

  /**
   * `inputs` are those of this rank's pieces; the loss is the whole batch's. Gradients leave in buckets as the backward pass
   * of the last piece is done with them. Rejects with `collective/…`.
   */
  async accumulate(inputs: TrainingInputs): Promise<BatchLoss> {
    const [total] = this.#gradients;
    const began = performance.now();
    const buckets: Bucket[] = [];
    const sent: Promise<void>[] = [];
    const send = (end: number, isLast: boolean) => {
      for (let first = buckets.at(-1)?.end ?? 0; first < end; ) {
        const next = Math.min(first + BUCKET_VALUES, total.length);
        // Every rank cuts at the same places, whenever its own are ready.
        if (next > end && !isLast) return;
        const bucket = { first, end: next, sentMs: performance.now() - began, summedMs: 0 };
        const part = (values: Float32Array) => values.subarray(first, next);
        const reduced = this.#group.allReduce(this.#gradients.map(part), part(total)).then(() => {
          bucket.summedMs = performance.now() - began;
        });
        // The computation goes on to its end before a failure is noticed.
        reduced.catch(() => {});
        sent.push(reduced);
        buckets.push(bucket);
        first = next;
      }
    };
    const pieces = await computePieces(this.own, inputs, this.#gradients, (count) =>
      send(count, count === total.length),
    );
    const computedMs = performance.now() - began;
    await Promise.all(sent);
    const sums = await this.#group.sumScalars(pieces.map(toNumbers));
    this.own.writeGradient(total);
    this.lastStep = { computedMs, summedMs: performance.now() - began, buckets };
    return batchLoss([fromNumbers(sums)], this.#isDistilled);
  }

  apply(step: OptimizerStep): Promise<AppliedStep> {
    return this.own.apply(step);
  }
}
