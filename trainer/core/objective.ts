// Objective: the inputs of a training step: mixed and smoothed targets, sample weights, the teacher's logits and the
// branches that stochastic depth keeps. All of it is a pure function of the batch and its cursor.

import type { Batch } from "../../runtime/batches/batch-source.js";
import { drawBranchScales } from "../../runtime/draw/drop-path.js";
import { mixTargets } from "../../runtime/draw/mix.js";
import type { DrawMath } from "../../runtime/draw/random.js";
import { VitrineError } from "../../runtime/errors.js";
import { familyOf, type ModelConfig } from "../../runtime/models/families.js";
import type { TrainingInputs } from "../../runtime/training/contract.js";
import type { TrainerSettings } from "./settings.js";

/** The teacher: uint8 [count, size, size, 3] → logits [count, classes of the student]. */
export type TeacherLogits = (
  pixels: Uint8Array,
  count: number,
) => Promise<NonNullable<TrainingInputs["teacherLogits"]>>;

export interface ObjectiveOptions {
  settings: TrainerSettings;
  config: ModelConfig;
  /** Class index of the data set → class index of the model. */
  classMap: Int32Array;
  math: DrawMath;
  teacher: TeacherLogits | null;
}

/**
 * Weights of the samples in the mean: equal, but 0 for skipped ones. If a whole batch was skipped, all weights and the
 * gradient are 0, and the step consists of AdamW's momentum and decay alone.
 */
export function sampleWeights(weights: Float32Array): Float32Array {
  let sum = 0;
  for (const weight of weights) sum += weight;
  return sum > 0 ? weights.map((weight) => weight / sum) : weights.slice();
}

function checkBatch(batch: Batch, { config, settings }: ObjectiveOptions): void {
  if (batch.count === settings.batchSize && batch.size === config.imageSize) return;
  throw new VitrineError(
    "data/batch-shape",
    `the data server sent ${batch.count} images of ${batch.size}×${batch.size} pixels, instead of ` +
      `${settings.batchSize} of ${config.imageSize}×${config.imageSize}`,
    { details: { count: batch.count, size: batch.size } },
  );
}

/** Batch → inputs of `accumulate`. Throws `data/batch-shape`, `data/label-out-of-range`. */
export async function stepInputs(batch: Batch, options: ObjectiveOptions): Promise<TrainingInputs> {
  checkBatch(batch, options);
  const { settings, config, classMap, math, teacher } = options;
  const toModel = (labels: Int32Array) => labels.map((label) => classMap[label] ?? -1);
  const targets = mixTargets({
    classes: config.classes,
    smoothing: settings.smoothing,
    labels: toModel(batch.labels),
    partnerLabels: toModel(batch.partnerLabels),
    lambdas: batch.lambdas,
  });
  const inputs: TrainingInputs = {
    pixels: batch.pixels,
    targets: settings.bceLoss ? targets.map((target) => (target > 0 ? 1 : 0)) : targets,
    sampleWeights: sampleWeights(batch.weights),
  };
  if (teacher !== null) inputs.teacherLogits = await teacher(batch.pixels, batch.count);
  if (settings.dropPath > 0) {
    const key = { seed: settings.seed, epoch: batch.cursor.epoch, index: batch.cursor.batch, repeat: 0 };
    const blocks = familyOf(config).training.branches(config);
    const rows = settings.cosub ? 2 * batch.count : batch.count;
    const shape = { depth: blocks.length, branches: blocks[0].length, batch: rows };
    inputs.branchScales = drawBranchScales(math, key, { ...shape, rate: settings.dropPath });
  }
  return inputs;
}

/**
 * The lower bound of the loss: the entropy of the targets, Σ w·(−Σ t·log t), times the weight of the base loss. With
 * smoothing 0.1 over 1,000 classes it is 1.015; Mixup's λ changes it from batch to batch. metrics.csv has it beside the
 * loss: the difference is what remains to be learned, whatever the smoothing.
 */
export function targetEntropy(
  inputs: TrainingInputs,
  { distillation, alpha, bceLoss, cosub }: TrainerSettings,
): number {
  const { targets, sampleWeights } = inputs;
  const classes = targets.length / sampleWeights.length;
  // Every class has a target of 0 or 1 of its own: nothing is left to chance. Those of cosub change with the model.
  if (bceLoss || cosub) return 0;
  let bound = 0;
  sampleWeights.forEach((weight, sample) => {
    let entropy = 0;
    for (let i = sample * classes; i < (sample + 1) * classes; i++) {
      const target = targets[i];
      if (target > 0) entropy -= target * Math.log(target);
    }
    bound += weight * entropy;
  });
  return distillation === "none" ? bound : (1 - alpha) * bound;
}
