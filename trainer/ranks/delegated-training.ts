// Delegated training: what the trainings of ranks have in common: the pieces that a rank computes, and all that they leave to
// the training of their process.

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
import { microBatches } from "../../runtime/training/step-inputs.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";

export abstract class DelegatedTraining implements Training {
  protected readonly own: PieceTraining;
  /** Of the rank's pieces, in their order. */
  protected readonly pieceGradients: readonly Float32Array[];

  /** `own` computes one piece at a time, and outlives this; `pieces`: those of the rank. */
  constructor(own: PieceTraining, pieces: number) {
    this.own = own;
    this.pieceGradients = Array.from({ length: pieces }, () => new Float32Array(own.trainedCount));
  }

  /**
   * Computes each piece by itself: its gradient goes to the array of its number. `onFinal`: see
   * `PieceTraining.gradientOf`; of the last piece, when those of the others are there.
   */
  protected async computePieces(
    inputs: TrainingInputs,
    onFinal?: (count: number) => void,
  ): Promise<LossSums[]> {
    const sums: LossSums[] = [];
    const gradients = this.pieceGradients;
    for (const [at, { inputs: own, images }] of microBatches(inputs, inputs, gradients.length).entries()) {
      const teacherLogits = own.teacherLogits as Float32Array | undefined;
      const piece = { ...own, pixels: images.pixels as Uint8Array, teacherLogits };
      const isLast = at === gradients.length - 1;
      sums.push(await this.own.gradientOf(piece, gradients[at], isLast ? onFinal : undefined));
    }
    return sums;
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
