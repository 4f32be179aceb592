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
import { type OnRankTimes, RANK_TIMES, type RankTimes } from "./rank-times.js";

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
  /** Receives the times of all ranks. Default: nobody asks. */
  onTimes?: OnRankTimes;
}

export class RankedTraining extends DelegatedTraining {
  readonly #group: Group;
  readonly #isDistilled: boolean;
  readonly #onTimes: OnRankTimes | undefined;
  #times: RankTimes | null = null;
  #ended = performance.now();
  /** Applied last; 0: none yet. */
  #step = 0;
  /** Of the step that was accumulated last; null before the first. */
  lastStep: StepTrace | null = null;

  constructor(own: PieceTraining, group: Group, { pieces, isDistilled, onTimes }: RankPart) {
    super(own, pieces);
    this.#onTimes = onTimes;
    this.#group = group;
    this.#isDistilled = isDistilled;
  }

  /** With the gradients of this rank's pieces. */
  get bytes(): number {
    return this.pieceGradients.reduce((sum, { byteLength }) => sum + byteLength, this.own.bytes);
  }

  /**
   * `inputs` are those of this rank's pieces; the loss is the whole batch's. Gradients leave in buckets as the backward pass
   * of the last piece is done with them. Rejects with `collective/…`.
   */
  async accumulate(inputs: TrainingInputs): Promise<BatchLoss> {
    const [total] = this.pieceGradients;
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
        const reduced = this.#group.allReduce(this.pieceGradients.map(part), part(total)).then(() => {
          bucket.summedMs = performance.now() - began;
        });
        // The computation goes on to its end before a failure is noticed.
        reduced.catch(() => {});
        sent.push(reduced);
        buckets.push(bucket);
        first = next;
      }
    };
    const pieces = await this.computePieces(inputs, (count) => send(count, count === total.length));
    const computedMs = performance.now() - began;
    await Promise.all(sent);
    const sums = await this.#group.sumScalars(pieces.map((piece, at) => this.#withTimes(piece, at)));
    this.own.writeGradient(total);
    const summedMs = performance.now() - began;
    this.lastStep = { computedMs, summedMs, buckets };
    this.#times = { compute: computedMs, exchange: summedMs - computedMs, rest: began - this.#ended };
    this.#ended = performance.now();
    this.#report(sums);
    return batchLoss([fromNumbers(sums)], this.#isDistilled);
  }

  apply(step: OptimizerStep): Promise<AppliedStep> {
    this.#step = step.step;
    return this.own.apply(step);
  }

  /** The sums of a piece, and beside those of its first one the rank's times of the step before. */
  #withTimes(piece: LossSums, at: number): Float64Array {
    const { rank, world } = this.#group;
    const numbers = new Float64Array(SUMS.length + RANK_TIMES.length * world);
    numbers.set(toNumbers(piece));
    if (at === 0 && this.#times)
      numbers.set(
        RANK_TIMES.map((name) => (this.#times as RankTimes)[name]),
        SUMS.length + RANK_TIMES.length * rank,
      );
    return numbers;
  }

  /** All ranks' times of the step before, which every rank has now. */
  #report(sums: Float64Array): void {
    if (!this.#onTimes || this.#step === 0) return;
    const ranks = Array.from({ length: this.#group.world }, (_, rank) => {
      const first = SUMS.length + RANK_TIMES.length * rank;
      return { compute: sums[first], exchange: sums[first + 1], rest: sums[first + 2] };
    });
    this.#onTimes(this.#step, ranks);
  }
}
