// Local steps: ranks that take steps by themselves, each on its part of the batches, and average their weights from time to
// time: DiLoCo (arXiv 2311.08105). What the weights moved by since the last average is, over all ranks, the gradient of an
// outer step by SGD with Nesterov momentum. Between two averages nothing is sent.
//
// Moments of the inner optimizer differ from rank to rank until the run is saved: `settle` averages them as well, so that
// every rank has the state that is saved, and each of them can go on from it alone.

import type { Group } from "../../client/node/collective/contract.js";
import { sumLocally } from "../../client/node/collective/sums.js";
import { VitrineError } from "../../runtime/errors.js";
import type {
  AppliedStep,
  BatchLoss,
  OptimizerStep,
  PieceTraining,
  Training,
  TrainingInputs,
} from "../../runtime/training/contract.js";
import { batchLoss } from "../../runtime/training/loss-terms.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import type { TrainerSettings } from "../core/settings.js";
import { DelegatedTraining } from "./delegated-training.js";
import type { RankPart } from "./ranked-training.js";

const MOMENTUM = "outer_momentum";

type OuterSettings = Pick<TrainerSettings, "syncEvery" | "outerLr" | "outerMomentum" | "ema" | "opt">;

/** What outer steps keep between groups: the weights of the last average, and the momentum. */
export class OuterState {
  readonly weights: Float32Array;
  readonly momentum: Float32Array;

  constructor(count: number) {
    this.weights = new Float32Array(count);
    this.momentum = new Float32Array(count);
  }
}

/**
 * The outer step: Δ = weights − average, m ← μ·m + Δ, weights ← weights − rate·(Δ + μ·m), as torch's SGD with Nesterov
 * momentum. `average` [count] is the mean of the ranks' weights.
 */
export function outerStep(
  { weights, momentum }: OuterState,
  average: Float32Array,
  { outerLr, outerMomentum }: Pick<OuterSettings, "outerLr" | "outerMomentum">,
): void {
  for (let at = 0; at < weights.length; at++) {
    const moved = weights[at] - average[at];
    momentum[at] = outerMomentum * momentum[at] + moved;
    weights[at] -= outerLr * (moved + outerMomentum * momentum[at]);
  }
}

export class LocalStepsTraining extends DelegatedTraining {
  readonly #group: Group;
  readonly #part: RankPart;
  readonly #settings: OuterSettings;
  readonly #outer: OuterState;
  readonly #buffer: Float32Array;
  #steps = 0;
  #isSettled = false;
  /** Product of the average's decays since the last outer step. */
  #decay = 1;

  constructor(own: PieceTraining, group: Group, part: RankPart, settings: OuterSettings, outer: OuterState) {
    super(own, part.pieces);
    this.#group = group;
    this.#part = part;
    this.#settings = settings;
    this.#outer = outer;
    this.#buffer = new Float32Array(own.trainedCount);
  }

  get bytes(): number {
    return (this.pieceGradients.length + 3) * this.#buffer.byteLength + this.own.bytes;
  }

  get outerMomentum(): NonNullable<Training["outerMomentum"]> {
    return outerMomentumOf(this.#outer);
  }

  /** The weights of this training are those of an average: of a new run, or of one that was saved. */
  begin(): Promise<void> {
    return this.own.readTrained("weights", this.#outer.weights);
  }

  /** The loss is that of this rank's samples. */
  async accumulate(inputs: TrainingInputs): Promise<BatchLoss> {
    const pieces = await this.computePieces(inputs);
    const [total] = this.pieceGradients;
    sumLocally(this.pieceGradients, total);
    this.own.writeGradient(total);
    return batchLoss(pieces, this.#part.isDistilled);
  }

  /** After `syncEvery` steps the ranks average. Rejects with `collective/…`. */
  async apply(step: OptimizerStep): Promise<AppliedStep> {
    const applied = await this.own.apply({ ...step, emaDecay: 1 });
    this.#decay *= step.emaDecay;
    this.#steps++;
    this.#isSettled = false;
    if (this.#steps === this.#settings.syncEvery) await this.#average();
    return applied;
  }

  /** Makes the whole state that of all ranks. */
  async settle(): Promise<void> {
    if (this.#isSettled) return;
    if (this.#steps > 0) await this.#average();
    for (const state of ["firstMoment", "secondMoment"] as const) {
      if (state === "secondMoment" && this.#settings.opt === "sgd") continue;
      await this.own.readTrained(state, this.#buffer);
      await this.#mean();
      this.own.writeTrained(state, this.#buffer);
    }
    this.#isSettled = true;
  }

  async #average(): Promise<void> {
    await this.own.readTrained("weights", this.#buffer);
    await this.#mean();
    outerStep(this.#outer, this.#buffer, this.#settings);
    this.own.writeTrained("weights", this.#outer.weights);
    if (this.#settings.ema) await this.#moveAverage();
    this.#steps = 0;
    this.#decay = 1;
  }

  /** The buffer becomes the mean of all ranks' buffers. */
  async #mean(): Promise<void> {
    await this.#group.allReduce([this.#buffer], this.#buffer);
    for (let at = 0; at < this.#buffer.length; at++) this.#buffer[at] /= this.#group.world;
  }

  /** The moving average takes the outer weights, with the weight of all inner steps. */
  async #moveAverage(): Promise<void> {
    const { weights } = this.#outer;
    await this.own.readTrained("ema", this.#buffer);
    for (let at = 0; at < weights.length; at++)
      this.#buffer[at] = this.#decay * this.#buffer[at] + (1 - this.#decay) * weights[at];
    this.own.writeTrained("ema", this.#buffer);
  }
}

export function outerMomentumOf(outer: OuterState): NonNullable<Training["outerMomentum"]> {
  return {
    read: (): TensorMap =>
      new Map([[MOMENTUM, { shape: [outer.momentum.length], data: outer.momentum.slice() }]]),
    write: (tensors: TensorMap) => {
      const { data } = tensors.get(MOMENTUM) ?? { data: new Float32Array() };
      if (data.length !== outer.momentum.length)
        throw new VitrineError(
          "checkpoint/incomplete",
          `the momentum of averaged steps has ${data.length} values, the model ${outer.momentum.length} that are trained`,
        );
      outer.momentum.set(data);
    },
  };
}
