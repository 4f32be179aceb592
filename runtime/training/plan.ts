// Training plan: the programs of a training and the bytes they take, before anything is allocated.

import { VitrineError } from "../errors.js";
import type { StoreLayout } from "../executors/device-store.js";
import { layoutBytes, storeLayout } from "../executors/parameter-store.js";
import { largestBatch, planProgram } from "../graph/planner.js";
import type { PlanOptions, Program } from "../graph/program.js";
import { classifierGraph } from "../inference/step.js";
import { familyOf } from "../models/families.js";
import type { ImageInput } from "../models/family.js";
import { BUFFERS, WEIGHTS } from "../models/family.js";
import type { TrainingOptions } from "./contract.js";
import { accumulateGraph, applyGraph, parameterGroups } from "./graph.js";
import { LOSS_SCALE, LOSS_SCALE_LAYOUT } from "./loss-scale.js";
import { AVERAGE, AVERAGE_BUFFERS, FIRST_MOMENT, GRADIENTS, SECOND_MOMENT } from "./store-names.js";
import { type TrainedFamily, TrainedTensors } from "./tensors.js";

export type PlannedTraining = Omit<TrainingOptions, "weights">;

export interface TrainingPlan {
  family: TrainedFamily;
  tensors: TrainedTensors;
  /**
   * Store name → layout: of the parameters, those with weight decay first, of the running statistics and of the loss
   * scale where there are any.
   */
  stores: ReadonlyMap<string, StoreLayout>;
  /** Parameters that are trained, in the order of the stores, of which they are the first. */
  trained: readonly string[];
  /** Samples of a micro-batch, the batch of `accumulate` and `evaluate`. */
  piece: number;
  accumulate: Program;
  apply: Program;
  evaluate: Program;
  /** `accumulate` for another image input. */
  accumulateFor(input: ImageInput): Program;
  /** Bytes of the stores and of the largest program's tensors, whose memory all programs share. */
  bytes: number;
}

function storeLayouts(
  { ema, lossScaling, optimizer }: PlannedTraining,
  layout: StoreLayout,
  { buffers }: TrainedTensors,
): Map<string, StoreLayout> {
  const moments = optimizer === "sgd" ? [FIRST_MOMENT] : [FIRST_MOMENT, SECOND_MOMENT];
  const names = [WEIGHTS, GRADIENTS, ...moments, ...(ema ? [AVERAGE] : [])];
  const stores = new Map(names.map((name) => [name, layout]));
  if (buffers.size > 0)
    for (const name of [BUFFERS, ...(ema ? [AVERAGE_BUFFERS] : [])]) stores.set(name, storeLayout(buffers));
  return lossScaling ? stores.set(LOSS_SCALE, LOSS_SCALE_LAYOUT) : stores;
}

function bytesOf(stores: ReadonlyMap<string, StoreLayout>, alignmentBytes: number): number {
  return [...stores.values()].reduce((sum, layout) => sum + layoutBytes(layout, alignmentBytes), 0);
}

/**
 * Throws `graph/memory` with the batch size that fits, with and without recomputation, and the number of pieces;
 * `training/pieces` where the pieces do not divide the batch.
 */
export function planTraining(options: PlannedTraining, capabilities: PlanOptions): TrainingPlan {
  const { config } = options;
  const family = familyOf(config);
  const tensors = new TrainedTensors(family, config);
  const { parameters: shapes, buffers } = tensors;
  const groups = parameterGroups(family, shapes, options);
  const trained = groups.groups.flatMap(({ names }) => names);
  const layout = storeLayout(shapes, [...trained, ...groups.untouched]);
  const stores = storeLayouts(options, layout, tensors);
  const storeBytes = bytesOf(stores, capabilities.alignmentBytes);
  const limits = { ...capabilities, limitBytes: capabilities.limitBytes - storeBytes };
  const piece = pieceSize(options);
  const accumulateFor = (input: ImageInput) => planStep(options, piece, input, limits);
  const accumulate = accumulateFor("pixels");
  const apply = planProgram(applyGraph({ shapes, groups, buffers }, options), limits);
  const { addEvaluated: addClassifier } = family.training;
  const evaluate = planProgram(classifierGraph({ addClassifier }, config, piece), limits);
  const arenaBytes = Math.max(...[accumulate, apply, evaluate].map((program) => program.arenaBytes));
  const bytes = storeBytes + arenaBytes;
  return { family, tensors, stores, trained, piece, accumulate, apply, evaluate, accumulateFor, bytes };
}

/**
 * The largest batch up to `most` that `planTraining` takes in one piece; 0 where not even 1 fits. Allocates nothing.
 */
export function largestTrainingBatch(
  options: PlannedTraining,
  capabilities: PlanOptions,
  most: number,
): number {
  const family = familyOf(options.config);
  const tensors = new TrainedTensors(family, options.config);
  const stores = storeLayouts(options, storeLayout(tensors.parameters), tensors);
  const limitBytes = capabilities.limitBytes - bytesOf(stores, capabilities.alignmentBytes);
  const build = (batch: number) => accumulateGraph(family, options, batch, "pixels");
  return largestBatch(build, most, { ...capabilities, limitBytes });
}

function pieceSize({ batchSize, pieces = 1 }: PlannedTraining): number {
  if (Number.isSafeInteger(pieces) && pieces >= 1 && batchSize % pieces === 0) return batchSize / pieces;
  throw new VitrineError(
    "training/pieces",
    `a batch of ${batchSize} in ${pieces} pieces: the number of pieces must divide the batch ` +
      "(--accumulate, --batch-size)",
    { details: { batchSize, pieces } },
  );
}

function planStep(options: PlannedTraining, piece: number, input: ImageInput, limits: PlanOptions): Program {
  try {
    return planProgram(accumulateGraph(familyOf(options.config), options, piece, input), limits);
  } catch (error) {
    if (!(error instanceof VitrineError) || error.code !== "graph/memory") throw error;
    throw tooLarge(options, piece, input, limits, error);
  }
}

/** The error with what would fit: a smaller batch, one with recomputation, the same batch in more pieces. */
function tooLarge(
  options: PlannedTraining,
  piece: number,
  input: ImageInput,
  limits: PlanOptions,
  cause: VitrineError,
): VitrineError {
  const { config, batchSize, pieces = 1, recompute = false } = options;
  const family = familyOf(config);
  const largest = (recomputing: boolean): number => {
    const build = (batch: number) =>
      accumulateGraph(family, { ...options, recompute: recomputing }, batch, input);
    const fits = largestBatch(build, piece, limits);
    // An even batch stays even: Mixup pairs its samples.
    return fits > 1 && batchSize % 2 === 0 ? fits - (fits % 2) : fits;
  };
  const fits = largest(recompute);
  const recomputed = recompute ? fits : largest(true);
  const inPieces = (most: number) =>
    `--accumulate ${divisorFor(batchSize, most)} takes it in pieces that fit`;
  const ways: string[] = [];
  if (fits > 0) ways.push(`a batch of ${fits * pieces} fits (--batch-size ${fits * pieces})`, inPieces(fits));
  if (recomputed === piece) ways.push("with --recompute it fits");
  else if (recomputed > fits) ways.push(`with --recompute one of ${recomputed * pieces} fits`);
  if (fits === 0 && recomputed > 0 && recomputed < piece) ways.push(`--recompute ${inPieces(recomputed)}`);
  const what = `training step with a batch of ${piece}${pieces > 1 ? ` (${batchSize} in ${pieces} pieces)` : ""}`;
  const hint =
    ways.length > 0 ? ways.join("; ") : "not even a batch of 1 fits: take a smaller model (--model)";
  const details = {
    ...cause.details,
    batch: piece,
    pieces,
    largestBatch: fits,
    largestRecomputed: recomputed,
  };
  return new VitrineError("graph/memory", `${what} ${String(cause.details.shortage)}: ${hint}`, {
    details,
    cause,
  });
}

/** The smallest number of equal pieces of at most `most` ≥ 1 samples. */
function divisorFor(batchSize: number, most: number): number {
  let pieces = 1;
  while (batchSize % pieces !== 0 || batchSize / pieces > most) pieces++;
  return pieces;
}
