// Step inputs: what a trainer gives for a batch, under the names and in the pieces that the program wants.

import { VitrineError } from "../errors.js";
import type { DeviceArray, DeviceInputs } from "../executors/executor.js";
import type { ProgramInputs } from "../graph/program.js";
import type { DeitConfig } from "../models/deit/config.js";
import { branchScaleName } from "../models/deit/graph.js";
import type { ImageInput } from "../models/family.js";
import type { TrainingInputs, TrainingOptions } from "./contract.js";

/** The images, under the name of the program's input. */
export type Images = { readonly [name in ImageInput]?: Uint8Array | Float32Array };

/** What a trainer gives of one piece of a batch: [batch/pieces, …]. */
export type PieceInputs = Omit<TrainingInputs, "pixels" | "teacherLogits"> & {
  teacherLogits?: Float32Array | DeviceArray | undefined;
};

/** Inputs of the graph of `accumulateGraph`. Throws `graph/input` where the branch scales are not [depth, 2, batch]. */
export function stepInputs(options: TrainingOptions, inputs: PieceInputs, images: Images): DeviceInputs {
  const { targets, sampleWeights, teacherLogits, branchScales } = inputs;
  const { distillation, dropPath, config, batchSize, pieces = 1 } = options;
  return {
    ...(images as ProgramInputs),
    targets,
    sampleWeights,
    ...(distillation !== "none" && teacherLogits ? { teacherLogits } : {}),
    ...(dropPath > 0 && branchScales ? branchScaleInputs(config, batchSize / pieces, branchScales) : {}),
  };
}

/** scales [depth, 2, batch] → one input [batch] for each branch. */
function branchScaleInputs(config: DeitConfig, batch: number, scales: Float32Array): ProgramInputs {
  const wanted = config.depth * 2 * batch;
  if (scales.length !== wanted) {
    throw new VitrineError(
      "graph/input",
      `branchScales: ${scales.length} values, wanted ${wanted}: [${config.depth}, 2, ${batch}]`,
      { details: { got: scales.length, wanted } },
    );
  }
  const inputs: Record<string, Float32Array> = {};
  for (let block = 0; block < config.depth; block++) {
    const start = 2 * block * batch;
    inputs[branchScaleName(block, "attn")] = scales.subarray(start, start + batch);
    inputs[branchScaleName(block, "mlp")] = scales.subarray(start + batch, start + 2 * batch);
  }
  return inputs;
}
