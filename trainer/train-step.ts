// Train step: one batch through forward, backward, AdamW and the average. On a GPU the step is on its way while the next
// batch comes; what it did is known when it is finished.

import type { Batch, Cursor } from "../runtime/batches/batch-source.js";
import type { OptimizerStep, StepOutcome, Training } from "../runtime/training/contract.js";
import type { LossScale } from "../runtime/training/loss-scale.js";
import { type ObjectiveOptions, stepInputs, targetEntropy } from "./objective.js";
import { type CosineCurve, rateOfEpoch } from "./schedule.js";
import type { TrainerSettings } from "./settings.js";
import { notFinite } from "./stopping.js";

export interface StepContext {
  training: Training;
  objective: ObjectiveOptions;
  schedule: CosineCurve;
  settings: TrainerSettings;
  /** Steps that AdamW has not made, where the training itself does not know of them: the run scaled its loss once. */
  skippedSteps: number;
}

/** What is left of a batch once its arrays are gone. */
export interface StartedStep {
  cursor: Cursor;
  /** Of this step, from 1. */
  step: number;
  count: number;
  waitSeconds: number;
  learningRate: number;
  /** The part of the loss that no model can go below, see objective.ts. */
  targetEntropy: number;
  /** Images of the batch that the data server could not read. */
  skipped: number;
  /** Whether the device still works on it. */
  underway: boolean;
  outcome: Promise<StepOutcome>;
}

/** One after the other: a loss that is not finite keeps the weights as they are. */
async function stepNow(
  training: Training,
  ...[inputs, settings]: Parameters<NonNullable<Training["submit"]>>
): Promise<StepOutcome> {
  const { loss } = await training.accumulate(inputs);
  if (!Number.isFinite(loss)) return { loss, gradientNorm: Number.NaN, applied: false };
  return { loss, ...(await training.apply(settings)) };
}

/** Resolves when the batch's arrays may be overwritten. */
export async function startStep(context: StepContext, batch: Batch, step: number): Promise<StartedStep> {
  const { training, objective, schedule, settings, skippedSteps } = context;
  const { cursor, count, waitSeconds } = batch;
  const inputs = await stepInputs(batch, objective);
  const learningRate = rateOfEpoch(schedule, cursor.epoch);
  const optimizer = optimizerStep(settings, learningRate, step - skippedSteps);
  const skipped = batch.weights.reduce((sum, weight) => sum + (weight === 0 ? 1 : 0), 0);
  const facts = { cursor, step, count, waitSeconds, learningRate, skipped };
  const entropy = { targetEntropy: targetEntropy(inputs, settings) };
  if (training.submit)
    return { ...facts, ...entropy, underway: true, ...(await training.submit(inputs, optimizer)) };
  const done = await stepNow(training, inputs, optimizer);
  return { ...facts, ...entropy, underway: false, outcome: Promise.resolve(done) };
}

/** A gradient that overflows below this scale would do so without one. */
const SMALLEST_LOSS_SCALE = 1;

/**
 * A gradient that is not finite is no failure where the scale of the loss is to blame: the step is left out, and the
 * next one has a smaller scale. Throws `training/not-finite`, naming the batch.
 */
export async function finishStep({ cursor, outcome }: StartedStep): Promise<StepOutcome> {
  const finished = await outcome;
  const { loss, gradientNorm, applied, lossScale } = finished;
  if (!Number.isFinite(loss)) throw notFinite(`the loss is ${loss}`, cursor);
  if (applied || (lossScale && lossScale.scale >= SMALLEST_LOSS_SCALE)) return finished;
  const unscaled = lossScale ? ", the loss not scaled up any more," : "";
  throw notFinite(`the gradient's norm is ${gradientNorm}${unscaled}`, cursor);
}

/** For people: a step that was left out. */
export function describeOverflow(step: number, { scale, skipped }: LossScale): string {
  return `step ${step} left out: a gradient overflowed; the loss is scaled by ${scale} from now on (${skipped} of ${step} steps left out)`;
}

// Optimizer: AdamW's settings for one step. Which tensors decay is the training program's to know.

/** torch.optim.AdamW's defaults, which DeiT keeps. */
const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** `step` counts from 1: the bias corrections are 1 − β^step. */
export function optimizerStep(settings: TrainerSettings, learningRate: number, step: number): OptimizerStep {
  return {
    learningRate,
    weightDecay: settings.weightDecay,
    ...ADAM,
    step,
    clipNorm: settings.clipGrad,
    emaDecay: settings.emaDecay,
  };
}
