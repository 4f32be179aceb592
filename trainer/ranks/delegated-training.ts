// Delegated training: what the trainings of ranks leave to the training of their process.

import type { Started } from "../../runtime/executors/pipelined.js";
import type { Logits } from "../../runtime/inference/logits.js";
import type {
  AppliedStep,
  BatchLoss,
  OptimizerStep,
  PieceTraining,
  Training,
  TrainingInputs,
  TrainingState,
} from "../../runtime/training/contract.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";

export abstract class DelegatedTraining implements Training {
  protected readonly own: PieceTraining;

  /** `own` outlives this. */
  constructor(own: PieceTraining) {
    this.own = own;
  }

  abstract get bytes(): number;
  abstract accumulate(inputs: TrainingInputs): Promise<BatchLoss>;
  abstract apply(step: OptimizerStep): Promise<AppliedStep>;

  get batchesTracked(): number {
    return this.own.batchesTracked;
  }

  get writeLossScale(): Training["writeLossScale"] {
    return this.own.writeLossScale;
  }

  evaluate(pixels: Uint8Array, count: number, state: "weights" | "ema"): Promise<Logits> {
    return this.own.evaluate(pixels, count, state);
  }

  submitEvaluation(pixels: Uint8Array, count: number, state: "weights" | "ema"): Promise<Started<Logits>> {
    return this.own.submitEvaluation(pixels, count, state);
  }

  gradients(): Promise<TensorMap> {
    return this.own.gradients();
  }

  read(state: TrainingState): Promise<TensorMap> {
    return this.own.read(state);
  }

  write(state: TrainingState, tensors: TensorMap): void {
    this.own.write(state, tensors);
  }

  /** The process's training stays. */
  dispose(): void {}
}
