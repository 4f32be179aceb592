// Objective: the inputs of a training step: mixed and smoothed targets, sample weights, the teacher's logits and the
// branches that stochastic depth keeps. All of it is a pure function of the batch and its cursor.

import type { Batch } from "../../runtime/batches/batch-source.js";
import { drawBranchScales } from "../../runtime/draw/drop-path.js";
import { mixTargets } from "../../runtime/draw/mix.js";
import type { DrawMath } from "../../runtime/draw/random.js";
import { VitrineError } from "../../runtime/errors.js";
import { familyOf, type ModelConfig } from "../../runtime/models/families.js";
import type { TrainingInputs } from "../../runtime/training/contract.js";
import { type BatchShare, ownPieces, placesOfShare } from "./batch-share.js";
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
  /** The part of each batch that this process has. */
  share: BatchShare;
}

/** What a step is computed from, and what is said of it. */
export interface PreparedStep {
  inputs: TrainingInputs;
  /** The lower bound of the loss, of the whole batch; see `entropies`. */
  targetEntropy: number;
  /** Images of the whole batch that could not be read. */
  skipped: number;
}

function checkBatch(batch: Batch, { config, settings, share }: ObjectiveOptions): void {
  const count = settings.batchSize / share.world;
  if (batch.count === count && batch.size === config.imageSize) return;
  throw new VitrineError(
    "data/batch-shape",
    `the data server sent ${batch.count} images of ${batch.size}×${batch.size} pixels, instead of ` +
      `${count} of ${config.imageSize}×${config.imageSize}`,
    { details: { count: batch.count, size: batch.size } },
  );
}

/**
 * The branches that stochastic depth keeps, [depth, branches, samples of this process]: drawn for the whole batch, so
 * that a sample's do not depend on how many processes there are. With cosub the second computations follow the first.
 */
function branchScales({ cursor }: Batch, { settings, config, math, share }: ObjectiveOptions): Float32Array {
  const { seed, dropPath: rate, cosub, batchSize, accumulate } = settings;
  const blocks = familyOf(config).training.branches(config);
  const copies = cosub ? 2 : 1;
  const shape = { depth: blocks.length, branches: blocks[0].length, batch: copies * batchSize };
  const key = { seed, epoch: cursor.epoch, index: cursor.batch, repeat: 0 };
  const scales = drawBranchScales(math, key, { ...shape, rate });
  if (accumulate === 1) return scales;
  const places = placesOfShare(batchSize, accumulate, share);
  const own = new Float32Array((scales.length / batchSize) * places.length);
  for (let row = 0; row < scales.length / batchSize; row++)
    for (const [at, place] of places.entries())
      own[row * places.length + at] = scales[row * batchSize + place];
  return own;
}

/**
 * Batch → inputs of `accumulate`. The weights of the samples in the mean are equal, but 0 for skipped ones, and those of
 * all processes add up to 1. If a whole batch was skipped, all weights and the gradient are 0, and the step consists of
 * AdamW's momentum and decay alone. Throws `data/batch-shape`, `data/label-out-of-range`.
 */
export async function prepareStep(batch: Batch, options: ObjectiveOptions): Promise<PreparedStep> {
  checkBatch(batch, options);
  const { settings, config, classMap, teacher, share } = options;
  const toModel = (labels: Int32Array) => labels.map((label) => classMap[label] ?? -1);
  const targets = mixTargets({
    classes: config.classes,
    smoothing: settings.smoothing,
    labels: toModel(batch.labels),
    partnerLabels: toModel(batch.partnerLabels),
    lambdas: batch.lambdas,
  });
  const entropy = entropies(targets, batch.weights, settings);
  const pieces = ownPieces(settings.accumulate, share);
  const [weight, bound] = await share.sum(
    Array.from({ length: pieces }, (_, piece) => {
      const [first, end] = [(batch.count * piece) / pieces, (batch.count * (piece + 1)) / pieces];
      return Float64Array.of(total(batch.weights, first, end), total(entropy, first, end));
    }),
  );
  const inputs: TrainingInputs = {
    pixels: batch.pixels,
    targets: settings.bceLoss ? targets.map((target) => (target > 0 ? 1 : 0)) : targets,
    sampleWeights: weight > 0 ? batch.weights.map((own) => own / weight) : batch.weights.slice(),
  };
  if (teacher !== null) inputs.teacherLogits = await teacher(batch.pixels, batch.count);
  if (settings.dropPath > 0) inputs.branchScales = branchScales(batch, options);
  const targetEntropy = weight > 0 ? bound / weight : 0;
  const summed = share.isAlone ? batch.count : settings.batchSize;
  return { inputs, targetEntropy, skipped: summed - weight };
}

function total(values: Float32Array | Float64Array, first: number, end: number): number {
  let sum = 0;
  for (let at = first; at < end; at++) sum += values[at];
  return sum;
}

/**
 * Lower bounds of the samples' losses, [batch]: the entropy of the targets, −Σ t·log t, times the weight of the base
 * loss. With smoothing 0.1 over 1,000 classes it is 1.015; Mixup's λ changes it from batch to batch. metrics.csv has the
 * mean beside the loss: the difference is what remains to be learned, whatever the smoothing.
 */
function entropies(
  targets: Float32Array,
  weights: Float32Array,
  { distillation, alpha, bceLoss, cosub }: TrainerSettings,
): Float64Array {
  const bounds = new Float64Array(weights.length);
  // Every class has a target of 0 or 1 of its own: nothing is left to chance. Those of cosub change with the model.
  if (bceLoss || cosub) return bounds;
  const classes = targets.length / weights.length;
  const scale = distillation === "none" ? 1 : 1 - alpha;
  for (const [sample, weight] of weights.entries()) {
    let entropy = 0;
    for (let i = sample * classes; i < (sample + 1) * classes; i++) {
      const target = targets[i];
      if (target > 0) entropy -= target * Math.log(target);
    }
    bounds[sample] = scale * weight * entropy;
  }
  return bounds;
}
