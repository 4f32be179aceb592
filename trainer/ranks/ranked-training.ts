// Ranked training: a training whose batches are computed by several ranks. Each computes the gradients of its pieces, all
// of them are added up in the order of the pieces, and each rank applies the sum: its weights, moments and average are
// then those of every other rank, bit for bit, and of one process that computes all pieces.

import type { Group } from "../../client/node/collective/contract.js";
import type { Started } from "../../runtime/executors/pipelined.js";
import type { Logits } from "../../runtime/inference/logits.js";
import type {
  AppliedStep,
  BatchLoss,
  LossSums,
  OptimizerStep,
  PieceTraining,
  Training,
  TrainingInputs,
  TrainingState,
} from "../../runtime/training/contract.js";
import { batchLoss } from "../../runtime/training/loss-terms.js";
import { microBatches } from "../../runtime/training/step-inputs.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";

const SUMS: readonly (keyof LossSums)[] = ["loss", "base", "distillation", "alike", "compared"];

const toNumbers = (sums: LossSums): Float64Array => Float64Array.from(SUMS, (key) => sums[key]);

const fromNumbers = (numbers: Float64Array): LossSums =>
  Object.fromEntries(SUMS.map((key, at) => [key, numbers[at]])) as Record<keyof LossSums, number>;

/** Seconds of a rank's time since it was made. */
export interface RankSeconds {
  /** Its own pieces. */
  compute: number;
  /** From its last piece to the sum of all: what it sends and receives, and the wait for slower ranks. */
  exchange: number;
}

export class RankedTraining implements Training {
  readonly #training: PieceTraining;
  readonly #group: Group;
  readonly #gradients: readonly Float32Array[];
  readonly #isDistilled: boolean;
  readonly seconds: RankSeconds = { compute: 0, exchange: 0 };

  /** `pieces`: those of this rank. `training` computes one at a time, and outlives this. */
  constructor(training: PieceTraining, group: Group, pieces: number, isDistilled: boolean) {
    this.#training = training;
    this.#group = group;
    this.#isDistilled = isDistilled;
    this.#gradients = Array.from({ length: pieces }, () => new Float32Array(training.gradientCount));
  }

  /** With the gradients of this rank's pieces. */
  get bytes(): number {
    return this.#gradients.reduce((sum, { byteLength }) => sum + byteLength, this.#training.bytes);
  }

  get batchesTracked(): number {
    return this.#training.batchesTracked;
  }

  get writeLossScale(): Training["writeLossScale"] {
    return this.#training.writeLossScale;
  }

  /** `inputs` are those of this rank's pieces; the loss is the whole batch's. Rejects with `collective/…`. */
  async accumulate(inputs: TrainingInputs): Promise<BatchLoss> {
    const { pixels } = inputs;
    const started = performance.now();
    const own: Float64Array[] = [];
    for (const [at, piece] of microBatches(inputs, { pixels }, this.#gradients.length).entries()) {
      const teacherLogits = piece.inputs.teacherLogits as Float32Array | undefined;
      const given = { ...piece.inputs, pixels: piece.images.pixels as Uint8Array, teacherLogits };
      own.push(toNumbers(await this.#training.gradientOf(given, this.#gradients[at])));
    }
    const computed = performance.now();
    const [total] = this.#gradients;
    const [sums] = await Promise.all([
      this.#group.sumScalars(own),
      this.#group.allReduce(this.#gradients, total),
    ]);
    this.#training.writeGradient(total);
    this.seconds.compute += (computed - started) / 1000;
    this.seconds.exchange += (performance.now() - computed) / 1000;
    return batchLoss([fromNumbers(sums)], this.#isDistilled);
  }

  apply(step: OptimizerStep): Promise<AppliedStep> {
    return this.#training.apply(step);
  }

  evaluate(pixels: Uint8Array, count: number, state: "weights" | "ema"): Promise<Logits> {
    return this.#training.evaluate(pixels, count, state);
  }

  submitEvaluation(pixels: Uint8Array, count: number, state: "weights" | "ema"): Promise<Started<Logits>> {
    return this.#training.submitEvaluation(pixels, count, state);
  }

  gradients(): Promise<TensorMap> {
    return this.#training.gradients();
  }

  read(state: TrainingState): Promise<TensorMap> {
    return this.#training.read(state);
  }

  write(state: TrainingState, tensors: TensorMap): void {
    this.#training.write(state, tensors);
  }

  /** The training itself stays. */
  dispose(): void {}
}
