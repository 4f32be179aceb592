// Loop: the whole of training on two screens. Everything random is a function of the batch's cursor, and everything
// that carries over from step to step is in `training` and `state`: saving those two is saving the run.

import type { BatchSource, Cursor, EvaluationSource } from "../runtime/batches/batch-source.js";
import { nextCursor } from "../runtime/batches/batch-source.js";
import { isDeviceLost } from "../runtime/errors.js";
import type { Training } from "../runtime/training/contract.js";
import type { CheckpointTarget } from "./checkpoint/save.js";
import { type Checkpoints, openCheckpoints, takeBest } from "./checkpoint/save.js";
import type { RunState } from "./checkpoint/state.js";
import type { ObjectiveOptions } from "./objective.js";
import type { Progress } from "./progress.js";
import { RunningMean, StepClock } from "./recent-steps.js";
import type { CosineCurve } from "./schedule.js";
import { untilInterrupted, withCheckpoint } from "./stopping.js";
import { describeOverflow, finishStep, type StartedStep, startStep } from "./train-step.js";
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

/** A run that goes on: what is written, and what is measured over several steps. */
interface Course {
  run: TrainingRun;
  checkpoints: Checkpoints;
  losses: RunningMean;
  clock: StepClock;
}

/**
 * Trains to the end of the run. However it stops, RUN/last is the run as it stood after a whole step, its validation
 * and its row of metrics included: the last step, or where that one failed midway, the last checkpoint before it.
 *
 * Where the device works by itself, a step is finished, its loss read and its row written, after the next one is on its
 * way. Before a validation and before a checkpoint nothing is.
 */
export async function train(run: TrainingRun): Promise<void> {
  const { state, source, progress } = run;
  if (state.finished) return;
  await validateWeights(run, SANITY_BATCHES);
  const checkpoints = await openCheckpoints(run);
  const course = { run, checkpoints, losses: new RunningMean(state.recentLosses), clock: new StepClock() };
  let underway: StartedStep | undefined;
  let whole = true;
  try {
    for await (const batch of untilInterrupted(source.batches(state.cursor), run.interruption)) {
      whole = false;
      const step = state.step + (underway ? 2 : 1);
      const started = await startStep({ ...run, ...stepContext(run) }, batch, step);
      if (underway) await completeStep(course, underway);
      underway = started;
      if (started.underway && !isStop(run, started)) {
        whole = true;
        continue;
      }
      underway = undefined;
      const { ends, isBest } = await completeStep(course, started);
      whole = true;
      if (ends || state.step % run.checkpointEvery === 0) await checkpoints.save(isBest);
      if (ends) course.clock.restart();
      if (state.finished) break;
    }
  } catch (error) {
    const stopped = whole ? await keepSteps(course, underway, error) : error;
    throw withCheckpoint(stopped, run.checkpoint.folder, checkpoints.saved());
  } finally {
    progress.end();
  }
}

function stepContext({ training, state }: TrainingRun) {
  const skippedSteps = training.writeLossScale ? 0 : (state.lossScale?.skipped ?? 0);
  return { settings: state.settings, skippedSteps };
}

/** The reason to stop, after what is done has been saved. */
async function keepSteps(
  course: Course,
  underway: StartedStep | undefined,
  reason: unknown,
): Promise<unknown> {
  // What a lost device held is lost.
  if (isDeviceLost(reason)) return reason;
  try {
    if (underway) await completeStep(course, underway);
  } catch (error) {
    return error;
  }
  await course.checkpoints.saveUnsaved();
  return reason;
}

/** Whether the run is validated or saved after this step, or ends with it. */
function isStop({ state, source, checkpointEvery }: TrainingRun, { cursor, step }: StartedStep): boolean {
  const { batch } = nextCursor(cursor, source.batchesPerEpoch);
  return batch === 0 || step % checkpointEvery === 0 || step === state.settings.steps;
}

/** The step's loss is read, validated where it ends an epoch, and written down. */
async function completeStep(
  course: Course,
  started: StartedStep,
): Promise<{ ends: boolean; isBest: boolean }> {
  const { run, checkpoints, losses, clock } = course;
  const { state, source, progress } = run;
  const { cursor, count, waitSeconds, step, learningRate, targetEntropy, skipped } = started;
  const { loss, gradientNorm, applied, lossScale } = await finishStep(started);
  losses.add(loss);
  advance(state, cursor, source.batchesPerEpoch, loss, losses);
  if (lossScale) state.lossScale = lossScale;
  if (lossScale && !applied) progress.say(describeOverflow(step, lossScale));
  clock.tick(count, waitSeconds);
  const runningLoss = losses.mean();
  const rates = { learningRate, ...clock.rates() };
  progress.report({ epoch: cursor.epoch + 1, step, loss: runningLoss, ...rates, ...lengths(run) });
  const ends = state.cursor.batch === 0 || state.finished;
  const validation = ends ? await validateWeights(run) : null;
  const measured = { loss, runningLoss, targetEntropy, gradientNorm, skipped, lossScale };
  await checkpoints.metrics.append({ ...cursor, step, ...measured, ...rates, validation });
  const isBest = ends && takeBest(state, cursor.epoch, validation);
  if (state.cursor.batch === 0) state.epochLoss = { sum: 0, steps: 0 };
  return { ends, isBest };
}

/** The step is done: from here on a checkpoint holds it. */
function advance(state: RunState, cursor: Cursor, perEpoch: number, loss: number, losses: RunningMean): void {
  const { epochs, steps } = state.settings;
  state.step++;
  state.cursor = nextCursor(cursor, perEpoch);
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
