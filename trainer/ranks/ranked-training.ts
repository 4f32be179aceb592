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

  /** `inputs` are those of this rank's pieces; the loss is the whole batch's. Rejects with `collective/…`. */
  async accumulate(inputs: TrainingInputs): Promise<BatchLoss> {
    const pieces = await computePieces(this.own, inputs, this.#gradients);
    const [total] = this.#gradients;
    const [sums] = await Promise.all([
      this.#group.sumScalars(pieces.map(toNumbers)),
      this.#group.allReduce(this.#gradients, total),
    ]);
    this.own.writeGradient(total);
    return batchLoss([fromNumbers(sums)], this.#isDistilled);
  }

  apply(step: OptimizerStep): Promise<AppliedStep> {
    return this.own.apply(step);
  }
}
