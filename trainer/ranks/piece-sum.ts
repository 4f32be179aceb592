// Piece sum: the gradients of a rank's pieces of a batch, and what they add to the batch's loss.

import type { LossSums, PieceTraining, TrainingInputs } from "../../runtime/training/contract.js";
import { microBatches } from "../../runtime/training/step-inputs.js";

/**
 * Computes each piece by itself: its gradient goes to the array of its number. `onFinal`: see `PieceTraining.gradientOf`; of
 * the last piece, when those of the others are there.
 */
export async function computePieces(
  training: PieceTraining,
  inputs: TrainingInputs,
  gradients: readonly Float32Array[],
  onFinal?: (count: number) => void,
): Promise<LossSums[]> {
  const sums: LossSums[] = [];
  for (const [at, { inputs: own, images }] of microBatches(inputs, inputs, gradients.length).entries()) {
    const teacherLogits = own.teacherLogits as Float32Array | undefined;
    const piece = { ...own, pixels: images.pixels as Uint8Array, teacherLogits };
    const isLast = at === gradients.length - 1;
    sums.push(await training.gradientOf(piece, gradients[at], isLast ? onFinal : undefined));
  }
  return sums;
}
