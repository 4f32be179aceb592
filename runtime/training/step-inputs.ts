// Step inputs: what a trainer passes for a batch, split into micro-batches and named as the program's inputs.
//
// Sample weights are those of the whole batch, so that losses and gradients of the micro-batches add up to the batch's.

import { VitrineError } from "../errors.js";
import type { DeviceArray } from "../executors/device-store.js";
import type { DeviceInputs } from "../executors/executor.js";
import type { ProgramInputs } from "../graph/program.js";
import type { ImageInput } from "../models/family.js";
import type { TrainingInputs, TrainingOptions } from "./contract.js";
import type { TrainedFamily } from "./tensors.js";

/** The images, under the name of the program's input. */
export type Images = { readonly [name in ImageInput]?: Uint8Array | Float32Array };

export type BatchInputs = Omit<TrainingInputs, "pixels">;

/** Inputs of one of `pieces` equal parts of a batch, [batch/pieces, …]. */
export interface MicroBatch {
  inputs: Omit<BatchInputs, "teacherLogits"> & { teacherLogits?: Float32Array | DeviceArray | undefined };
  images: Images;
}

/** A batch in `pieces` equal parts: views, except of the branch scales, whose samples are on the last axis. */
export function microBatches(inputs: BatchInputs, images: Images, pieces: number): MicroBatch[] {
  return Array.from({ length: pieces }, (_, index) => {
    const slice = <V extends Uint8Array | Float32Array>(values: V): V =>
      values.subarray((values.length * index) / pieces, (values.length * (index + 1)) / pieces) as V;
    const { targets, sampleWeights, teacherLogits, branchScales } = inputs;
    return {
      inputs: {
        targets: slice(targets),
        sampleWeights: slice(sampleWeights),
        ...(teacherLogits && {
          teacherLogits: teacherLogits instanceof Float32Array ? slice(teacherLogits) : teacherLogits[index],
        }),
        ...(branchScales && { branchScales: columns(branchScales, sampleWeights.length, index, pieces) }),
      },
      images: Object.fromEntries(
        Object.entries(images).map(([name, values]) => [name, values && slice(values)]),
      ),
    };
  });
}

/** scales [depth, branches, batch] → [depth, branches, batch / pieces]; with cosub both halves of a row in turn. */
function columns(scales: Float32Array, batch: number, index: number, pieces: number): Float32Array {
  const size = batch / pieces;
  const piece = new Float32Array(scales.length / pieces);
  for (let row = 0; row < scales.length / batch; row++) {
    const start = row * batch + index * size;
    piece.set(scales.subarray(start, start + size), row * size);
  }
  return piece;
}

/** The inputs of `accumulateGraph`. Throws `graph/input` where the branch scales are not [depth, branches, batch]. */
export function stepInputs(
  family: TrainedFamily,
  options: TrainingOptions,
  { inputs, images }: MicroBatch,
): DeviceInputs {
  const { targets, sampleWeights, teacherLogits, branchScales } = inputs;
  const { distillation, dropPath, config, batchSize, pieces = 1, cosub = false } = options;
  const copies = cosub ? 2 : 1;
  return {
    ...(cosub
      ? doubled({ ...images, targets, sampleWeights })
      : { ...(images as ProgramInputs), targets, sampleWeights }),
    ...(distillation !== "none" && teacherLogits ? { teacherLogits } : {}),
    ...(dropPath > 0 && branchScales
      ? branchScaleInputs(family.training.branches(config), copies * (batchSize / pieces), branchScales)
      : {}),
  };
}

/** Each of the inputs twice in turn; the weights of both computations add up to the sample's. */
function doubled(inputs: Images & Pick<BatchInputs, "targets" | "sampleWeights">): ProgramInputs {
  const { sampleWeights, ...others } = inputs;
  const halves = sampleWeights.map((weight) => weight / 2);
  const once = Object.entries({ ...others, sampleWeights: halves });
  return Object.fromEntries(once.map(([name, values]) => [name, values && twice(values)])) as ProgramInputs;
}

function twice<Values extends Uint8Array | Float32Array>(values: Values): Values {
  const both = new (values.constructor as new (length: number) => Values)(2 * values.length);
  both.set(values);
  both.set(values, values.length);
  return both;
}

/** scales [depth, branches, batch] → an input [batch] per branch. */
function branchScaleInputs(
  branches: readonly (readonly string[])[],
  batch: number,
  scales: Float32Array,
): ProgramInputs {
  const names = branches.flat();
  const wanted = names.length * batch;
  if (scales.length !== wanted) {
    const shape = `[depth ${branches.length}, ${branches[0]?.length ?? 0}, batch ${batch}]`;
    throw new VitrineError(
      "graph/input",
      `branchScales: ${scales.length} values, expected ${wanted}: ${shape}`,
      { details: { got: scales.length, wanted } },
    );
  }
  return Object.fromEntries(
    names.map((name, index) => [name, scales.subarray(index * batch, (index + 1) * batch)]),
  );
}

/** Disposes of the inputs that are on the device. */
export function disposeOnDevice({ teacherLogits }: BatchInputs): void {
  if (teacherLogits && !(teacherLogits instanceof Float32Array))
    for (const array of teacherLogits) array.dispose();
}
