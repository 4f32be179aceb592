// Micro-batches: a step's inputs in equal pieces. Sample weights are those of the whole batch, so that losses and
// gradients of the pieces add up to the batch's.

import type { TrainingInputs } from "./contract.js";
import type { Images, PieceInputs } from "./step-inputs.js";

export type BatchInputs = Omit<TrainingInputs, "pixels">;

export interface MicroBatch {
  inputs: PieceInputs;
  images: Images;
}

type Values = Uint8Array | Float32Array;

/** Everything but the branch scales has the samples on its first axis. Views, no copies. */
export function microBatches(inputs: BatchInputs, images: Images, pieces: number): MicroBatch[] {
  return Array.from({ length: pieces }, (_, index) => {
    const cut = <V extends Values>(values: V): V =>
      values.subarray((values.length * index) / pieces, (values.length * (index + 1)) / pieces) as V;
    const { targets, sampleWeights, teacherLogits, branchScales } = inputs;
    return {
      inputs: {
        targets: cut(targets),
        sampleWeights: cut(sampleWeights),
        ...(teacherLogits && {
          teacherLogits: teacherLogits instanceof Float32Array ? cut(teacherLogits) : teacherLogits[index],
        }),
        ...(branchScales && { branchScales: columns(branchScales, sampleWeights.length, index, pieces) }),
      },
      images: Object.fromEntries(
        Object.entries(images).map(([name, values]) => [name, values && cut(values)]),
      ),
    };
  });
}

/** Gives back what of the inputs lies on the device. */
export function disposeOnDevice({ teacherLogits }: BatchInputs): void {
  if (teacherLogits && !(teacherLogits instanceof Float32Array))
    for (const array of teacherLogits) array.dispose();
}

/** scales [depth, 2, batch] → [depth, 2, batch / pieces]. */
function columns(scales: Float32Array, batch: number, index: number, pieces: number): Float32Array {
  const size = batch / pieces;
  const piece = new Float32Array(scales.length / pieces);
  for (let row = 0; row < scales.length / batch; row++) {
    const start = row * batch + index * size;
    piece.set(scales.subarray(start, start + size), row * size);
  }
  return piece;
}
