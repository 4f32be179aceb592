// Train step: one batch through forward, backward, AdamW and the moving average. A GPU computes the step while the next
// batch is prepared; its outcome is read when it is finished.

import type { Batch, Cursor } from "../../runtime/batches/batch-source.js";
import type {
  LossScale,
  OptimizerStep,
  StepOutcome,
  Training,
  TrainingInputs,
} from "../../runtime/training/contract.js";
import { notFinite } from "./not-finite.js";
import type { PreparedStep } from "./objective.js";
import { averageDecay, type RateCurve, rateOfEpoch } from "./schedule.js";
import type { TrainerSettings } from "./settings.js";

export interface StepContext {
  training: Training;
  schedule: RateCurve;
  settings: TrainerSettings;
  /** Steps skipped while the run scaled its loss; 0 where the training still does, and counts them itself. */
  skippedSteps: number;
  /** Processes that compute a batch together, each an equal part of it. */
  world: number;
}

/** What remains of a batch once its arrays are released. */
export interface StartedStep {
  cursor: Cursor;
  /** Number of this step, from 1. */
  step: number;
  /** Images of the whole batch. */
  count: number;
  waitSeconds: number;
  transferSeconds?: number | undefined;
  learningRate: number;
  /** Lower bound of the loss, see objective.ts. */
  targetEntropy: number;
  /** Images of the batch that the data server could not read. */
  skipped: number;
  /** Whether the device is still computing it. */
  inFlight: boolean;
  outcome: Promise<StepOutcome>;
}

/** `step` counts from 1: the bias corrections are 1 − β^step. The training program knows which tensors decay. */
export function optimizerStep(settings: TrainerSettings, learningRate: number, step: number): OptimizerStep {
  return {
    learningRate,
    weightDecay: settings.weightDecay,
    beta1: settings.optBetas[0],
    beta2: settings.optBetas[1],
    epsilon: settings.optEps,
    momentum: settings.momentum,
    step,
    clipNorm: settings.clipGrad,
    emaDecay: averageDecay(settings.emaDecay, settings.emaWarmup === true, step),
  };
}

/** Where the device does not pipeline steps: a loss that is not finite leaves the weights as they are. */
async function stepNow(
  training: Training,
  inputs: TrainingInputs,
  optimizer: OptimizerStep,
): Promise<StepOutcome> {
  const batchLoss = await training.accumulate(inputs);
  if (!Number.isFinite(batchLoss.loss)) return { ...batchLoss, gradientNorm: Number.NaN, applied: false };
  return { ...batchLoss, ...(await training.apply(optimizer)) };
}

/** Resolves when the batch's arrays may be overwritten. */
export async function startStep(
  { training, schedule, settings, skippedSteps, world }: StepContext,
  batch: Batch,
  { inputs, targetEntropy, skipped }: PreparedStep,
  step: number,
): Promise<StartedStep> {
  const { cursor, count, waitSeconds, transferSeconds } = batch;
  const learningRate = rateOfEpoch(schedule, cursor.epoch);
  const optimizer = optimizerStep(settings, learningRate, step - skippedSteps);
  const facts = {
    cursor,
    step,
    count: world * count,
    waitSeconds,
    transferSeconds,
    learningRate,
    targetEntropy,
    skipped,
  };
  if (training.submit) return { ...facts, inFlight: true, ...(await training.submit(inputs, optimizer)) };
  const done = await stepNow(training, inputs, optimizer);
  return { ...facts, inFlight: false, outcome: Promise.resolve(done) };
}

/** A gradient that overflows below this scale would overflow without one. */
const SMALLEST_LOSS_SCALE = 1;

/**
 * A gradient that is not finite is no failure where the loss scale explains it: the step is skipped, and the next one
 * has a smaller scale. Throws `training/not-finite`, naming the batch.
 */
export async function finishStep({ cursor, outcome }: StartedStep): Promise<StepOutcome> {
  const finished = await outcome;
  const { loss, gradientNorm, applied, lossScale } = finished;
  if (!Number.isFinite(loss)) throw notFinite(`the loss is ${loss}`, cursor);
  if (applied || (lossScale && lossScale.scale >= SMALLEST_LOSS_SCALE)) return finished;
  const unscaled = lossScale ? ", without a loss scale left to lower," : "";
  throw notFinite(`the gradient's norm is ${gradientNorm}${unscaled}`, cursor);
}

/** `step 12 skipped: …` */
export function describeOverflow(step: number, { scale, skipped }: LossScale): string {
  const counts = `${skipped} of ${step} steps skipped`;
  return `step ${step} skipped: a gradient overflowed; loss scale ${scale} from now on (${counts})`;
}
