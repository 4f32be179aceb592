// Loop: the whole of training on two screens. Everything random is a function of the batch's cursor, and everything
// that carries over from step to step is in `training` and `state`: saving those two is saving the run.

import { nextCursor } from "../runtime/batch-cursor.js";
import type { Batch, BatchSource, EvaluationSource } from "../runtime/batch-source.js";
import { isDeviceLost } from "../runtime/errors.js";
import type { Training } from "../runtime/training.js";
import { takeBest } from "./best.js";
import { openCheckpoints } from "./checkpoint/checkpoints.js";
import type { CheckpointTarget } from "./checkpoint/save.js";
import type { RunState } from "./checkpoint/state.js";
import { untilInterrupted } from "./interruption.js";
import { type ObjectiveOptions, stepInputs, targetEntropy } from "./objective.js";
import { optimizerStep } from "./optimizer.js";
import type { Progress } from "./progress.js";
import { RunningMean } from "./running-mean.js";
import { type CosineCurve, rateOfEpoch } from "./schedule.js";
import { StepClock } from "./step-clock.js";
import { notFinite, withCheckpoint } from "./stopping.js";
import { describeScores, type ValidationScores, validate } from "./validation.js";

export interface TrainingRun {
  training: Training;
  source: BatchSource;
  objective: ObjectiveOptions;
  schedule: CosineCurve;
  /** Changed in place as the run goes on. */
  state: RunState;
  checkpoint: CheckpointTarget;
  /** Steps between checkpoints within an epoch; each epoch's end writes one anyway. */
  checkpointEvery: number;
  validation: { source: EvaluationSource; classMap: Int32Array } | null;
  progress: Progress;
  /** Asks the run to write a checkpoint and stop. */
  interruption: AbortSignal;
}

/** Batches validated before the first step, so that a wrong --val is found now and not after an epoch. */
const SANITY_BATCHES = 2;

/**
 * Trains to the end of the run. However it stops, RUN/last is the run as it stood after a whole step, its validation
 * and its row of metrics included: the last step, or where that one failed midway, the last checkpoint before it.
 */
export async function train(run: TrainingRun): Promise<void> {
  const { state, source, progress } = run;
  if (state.finished) return;
  await validateWeights(run, SANITY_BATCHES);
  const checkpoints = await openCheckpoints(run);
  const losses = new RunningMean(state.recentLosses);
  const clock = new StepClock();
  let whole = true;
  try {
    for await (const batch of untilInterrupted(source.batches(state.cursor), run.interruption)) {
      whole = false;
      const step = await trainStep(run, batch);
      losses.add(step.loss);
      advance(state, batch, source.batchesPerEpoch, step.loss, losses);
      clock.tick(batch.count, batch.waitSeconds);
      const measured = { ...batch.cursor, ...step, runningLoss: losses.mean(), ...clock.rates() };
      progress.report({
        ...measured,
        epoch: batch.cursor.epoch + 1,
        loss: measured.runningLoss,
        ...lengths(run),
      });
      const ends = state.cursor.batch === 0 || state.finished;
      const validation = ends ? await validateWeights(run) : null;
      await checkpoints.metrics.append({ ...measured, validation });
      const isBest = ends && takeBest(state, batch.cursor.epoch, validation);
      if (state.cursor.batch === 0) state.epochLoss = { sum: 0, steps: 0 };
      whole = true;
      if (ends || state.step % run.checkpointEvery === 0) await checkpoints.save(isBest);
      if (ends) clock.restart();
      if (state.finished) break;
    }
  } catch (error) {
    // What a lost device held is lost.
    if (whole && !isDeviceLost(error)) await checkpoints.saveUnsaved();
    throw withCheckpoint(error, run.checkpoint.folder, checkpoints.saved());
  } finally {
    progress.end();
  }
}

interface StepResult {
  step: number;
  learningRate: number;
  /** What main.py prints as its loss. */
  loss: number;
  /** The part of the loss that no model can go below, see objective.ts. */
  targetEntropy: number;
  gradientNorm: number;
  /** Images of the batch that the data server could not read. */
  skipped: number;
}

/** One batch: forward, backward, AdamW, average. */
async function trainStep(run: TrainingRun, batch: Batch): Promise<StepResult> {
  const { training, state } = run;
  const inputs = await stepInputs(batch, run.objective);
  const learningRate = rateOfEpoch(run.schedule, batch.cursor.epoch);
  const { loss } = await training.accumulate(inputs);
  if (!Number.isFinite(loss)) throw notFinite(`the loss is ${loss}`, batch.cursor);
  const settings = optimizerStep(state.settings, learningRate, state.step + 1);
  const { gradientNorm, applied } = await training.apply(settings);
  if (!applied) throw notFinite(`the gradient's norm is ${gradientNorm}`, batch.cursor);
  const entropy = targetEntropy(inputs, state.settings);
  const skipped = batch.weights.reduce((count, weight) => count + (weight === 0 ? 1 : 0), 0);
  return { step: state.step + 1, learningRate, loss, targetEntropy: entropy, gradientNorm, skipped };
}

/** The step is done: from here on a checkpoint holds it. */
function advance(state: RunState, batch: Batch, perEpoch: number, loss: number, losses: RunningMean): void {
  const { epochs, steps } = state.settings;
  state.step++;
  state.cursor = nextCursor(batch.cursor, perEpoch);
  state.finished = steps !== null ? state.step >= steps : state.cursor.epoch >= (epochs ?? 0);
  state.recentLosses = losses.recent();
  state.epochLoss = { sum: state.epochLoss.sum + loss, steps: state.epochLoss.steps + 1 };
}

function lengths({ state, source }: TrainingRun): { epochs: number | null; steps: number } {
  const { epochs, steps } = state.settings;
  return { epochs, steps: steps ?? (epochs ?? 0) * source.batchesPerEpoch };
}

/** Raw weights and average; null without validation data. The sanity run's scores say nothing and are not kept. */
async function validateWeights(run: TrainingRun, maxBatches?: number): Promise<ValidationScores | null> {
  const { validation, state, training, progress } = run;
  if (validation === null) return null;
  const scores = await validate(training, { ...validation, ema: state.settings.ema, maxBatches });
  if (maxBatches !== undefined) return null;
  state.validation = scores;
  progress.say(describeScores(scores, state.step));
  return scores;
}
