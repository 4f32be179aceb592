// Loop: training from top to bottom. Everything random is a function of the batch's cursor, and everything that
// carries over from step to step is in `training` and `state`: saving those two is saving the run.

import { type Cursor, nextCursor } from "../../runtime/batches/batch-source.js";
import { counted } from "../../runtime/batches/class-counts.js";
import { isDeviceLost, isVitrineError } from "../../runtime/errors.js";
import { takeBest } from "./best-epoch.js";
import { DataWaitAdvice } from "./data-wait.js";
import { interrupted, untilInterrupted } from "./interruption.js";
import { prepareStep } from "./objective.js";
import type { Rank } from "./ranking.js";
import { RunClock, RunningMean, StepClock } from "./recent-steps.js";
import type { TrainingRun } from "./run.js";
import type { RunControl } from "./run-control.js";
import type { OpenRecord } from "./run-record.js";
import { trainedEpochs, trainedSteps } from "./schedule.js";
import { showBatch } from "./show-batch.js";
import type { RunState } from "./state.js";
import type { StepMetrics } from "./step-metrics.js";
import { describeOverflow, finishStep, type StartedStep, type StepContext, startStep } from "./train-step.js";
import { describeScores, type ValidationScores, validate } from "./validation.js";

/** Batches validated before the first step, so that a wrong --val shows now and not after an epoch. */
const SANITY_BATCHES = 2;

/** A run in progress: where it is written, and what is measured over several steps. */
interface LoopContext {
  run: TrainingRun;
  record: OpenRecord;
  losses: RunningMean;
  clock: StepClock;
  waitAdvice: DataWaitAdvice;
  runClock: RunClock;
}

/**
 * Trains to the end of the run. However it stops, RUN/last is the run after a whole step, its row of metrics included:
 * the last step, or where that one failed midway, the checkpoint before it. An epoch is saved before its validation, so
 * that a validation that fails costs nothing but itself: RUN/last then says that it is owed, and a resumed run begins
 * with it.
 *
 * Where the device computes asynchronously, steps are pipelined: a step is finished, its loss read and its row written
 * after the next one was started. Before a validation and before a checkpoint no step is in flight.
 */
export async function train(run: TrainingRun): Promise<void> {
  const { state, source, progress } = run;
  if (state.finished && state.owedValidation === null) {
    await run.record.prune(state);
    return;
  }
  if (state.owedValidation === null) await validateWeights(run, SANITY_BATCHES);
  const record = await run.record.open(run);
  const losses = new RunningMean(state.recentLosses);
  run.observer?.begins(run);
  const clocks = { clock: new StepClock(), runClock: new RunClock(state.step) };
  const context: LoopContext = { run, record, losses, ...clocks, waitAdvice: new DataWaitAdvice() };
  let inFlight: StartedStep | undefined;
  let whole = true;
  try {
    if (state.owedValidation !== null) await scoreEpoch(context, state.owedValidation);
    if (state.finished) return;
    for await (const batch of untilInterrupted(source.batches(state.cursor), run.interruption)) {
      // Without the teacher's logits a step does not start, and the run stays whole.
      const prepared = await prepareStep(batch, run.objective);
      const step = state.step + (inFlight ? 2 : 1);
      if (run.observer?.wantsBatch()) await showBatch(run, batch, prepared.inputs, step);
      whole = false;
      const started = await startStep(stepContext(run), batch, prepared, step);
      if (inFlight) await completeStep(context, inFlight);
      inFlight = started;
      if (started.inFlight && !endsSegment(run, started) && !run.control?.isDue) {
        whole = true;
        continue;
      }
      inFlight = undefined;
      const metrics = await completeStep(context, started);
      whole = true;
      if (endsEpoch(state)) await endEpoch(context, metrics);
      else if (state.step % run.checkpointEvery === 0) await record.save();
      if (state.finished) break;
      if (run.control?.isDue) await takeBreak(context, run.control);
    }
  } catch (error) {
    const reason = run.interruption.aborted && isCollective(error) ? interrupted() : error;
    const stopped = whole || reason !== error ? await keepSteps(context, inFlight, reason) : reason;
    throw run.record.explain(stopped, { step: record.saved(), isOwed: state.owedValidation !== null });
  } finally {
    progress.end();
  }
}

/** Ranks that are stopped together leave each other in the middle of a step, which then has changed nothing. */
const isCollective = (error: unknown): boolean =>
  isVitrineError(error) && error.code.startsWith("collective/");

function stepContext({ training, schedule, state, objective }: TrainingRun): StepContext {
  const skippedSteps = training.writeLossScale ? 0 : (state.lossScale?.skipped ?? 0);
  const { world } = objective.share;
  return { training, schedule, settings: state.settings, skippedSteps, world };
}

/** Completes and saves the steps done so far; returns the error to report. */
async function keepSteps(
  context: LoopContext,
  inFlight: StartedStep | undefined,
  reason: unknown,
): Promise<unknown> {
  // A lost device has lost its memory: a step in flight there fails, and nothing can be read for a checkpoint.
  if (isDeviceLost(reason)) return reason;
  try {
    if (inFlight) await completeStep(context, inFlight);
  } catch (error) {
    return error;
  }
  try {
    await context.record.saveUnsaved();
  } catch (error) {
    return error;
  }
  return reason;
}

/** Whether the run is validated or saved after this step, or ends with it. */
function endsSegment(
  { state, source, checkpointEvery }: TrainingRun,
  { cursor, step }: StartedStep,
): boolean {
  const { batch } = nextCursor(cursor, source.batchesPerEpoch);
  return batch === 0 || step % checkpointEvery === 0 || step === state.settings.steps;
}

/** Saves, and waits where the run is paused. No time of it counts as the run's. */
async function takeBreak({ run, record, clock, runClock }: LoopContext, control: RunControl): Promise<void> {
  const since = performance.now();
  const save = async () => {
    await record.saveUnsaved();
    return record.saved();
  };
  await control.takeBreak(save, run.interruption);
  runClock.leaveOut((performance.now() - since) / 1000);
  clock.restart();
}

/** Reads the step's loss and writes its row of metrics, without the scores of a validation. */
async function completeStep(context: LoopContext, started: StartedStep): Promise<StepMetrics> {
  const { run, record, losses, clock, runClock } = context;
  const { state, source, progress } = run;
  const { cursor, count, waitSeconds, transferSeconds, step } = started;
  const { learningRate, targetEntropy, skipped } = started;
  const { loss, terms, gradientNorm, applied, lossScale } = await finishStep(started);
  losses.add(loss);
  advance(state, cursor, source.batchesPerEpoch, loss, losses);
  if (lossScale) state.lossScale = lossScale;
  if (lossScale && !applied) progress.say(describeOverflow(step, lossScale));
  clock.tick(count, waitSeconds, transferSeconds);
  const runningLoss = losses.mean();
  const { dataStage, ...measuredRates } = clock.rates();
  const rates = { learningRate, ...measuredRates };
  const advice = context.waitAdvice.after({ ...measuredRates, dataStage });
  if (advice !== null) progress.say(advice);
  const { epochs, steps } = lengths(run);
  progress.report({
    epoch: cursor.epoch + 1,
    epochs,
    step,
    steps,
    loss: runningLoss,
    ...rates,
    dataStage,
    ...runClock.times(step, steps),
    ...memoryOf(run),
  });
  const measured = { loss, terms, runningLoss, targetEntropy, gradientNorm, skipped, lossScale };
  const metrics: StepMetrics = { ...cursor, step, ...measured, ...rates, validation: null };
  run.observer?.stepped(metrics);
  if (step % state.settings.logInterval === 0 || endsEpoch(state)) await record.addStep(metrics);
  return metrics;
}

/** Whether the step that was just counted was an epoch's last one, or the run's. */
const endsEpoch = ({ cursor, finished }: RunState): boolean => cursor.batch === 0 || finished;

/** Saves the run, then validates it, where that is due. */
async function endEpoch(context: LoopContext, metrics: StepMetrics): Promise<void> {
  const { run, record } = context;
  const { state } = run;
  const isDue = state.finished || (metrics.epoch + 1) % state.settings.valInterval === 0;
  if (isDue && run.validation !== null) {
    state.owedValidation = metrics;
    await record.save();
    await scoreEpoch(context, metrics);
  } else {
    if (!isDue) startNextMean(state);
    else await record.saveRanked(chooseBest(run, metrics.epoch, null), metrics.epoch);
    if (isDue) endEarly(run);
    await record.save();
    await record.prune();
  }
  context.clock.restart();
}

/** The validation that the saved run owes, and what depends on it: the row of metrics, RUN/best, the state in RUN/last. */
async function scoreEpoch({ run, record }: LoopContext, metrics: StepMetrics): Promise<void> {
  const { state, progress } = run;
  const validation = await validateWeights(run);
  if (validation !== null) {
    state.validation = validation;
    run.observer?.validated(state.step, validation);
    const facts = { step: state.step, classes: run.objective.config.classes };
    for (const line of describeScores(validation, facts)) progress.say(line);
  }
  state.owedValidation = null;
  const rank = chooseBest(run, metrics.epoch, validation);
  endEarly(run);
  await record.completeStep({ ...metrics, validation });
  await record.saveRanked(rank, metrics.epoch);
  await record.saveState();
  await record.prune();
}

/** How good this epoch is; the mean loss of the next one starts. */
function chooseBest(
  { state, keepBest }: TrainingRun,
  epoch: number,
  validation: ValidationScores | null,
): Rank {
  const rank = takeBest(state, epoch, validation, keepBest);
  startNextMean(state);
  return rank;
}

function startNextMean(state: RunState): void {
  if (state.cursor.batch === 0) state.epochLoss = { sum: 0, steps: 0 };
}

/** Ends a run whose validations have not improved for `patience` of them. */
function endEarly({ state, progress }: TrainingRun): void {
  const { patience, evalMetric } = state.settings;
  if (state.finished || patience === 0 || state.sinceBest < patience) return;
  state.finished = true;
  const validations = counted(state.sinceBest, "validation", "validations");
  progress.say(`${validations} without a better ${evalMetric}: the run ends here (--patience ${patience})`);
}

/** Counts the step as done: from here on a checkpoint contains it. */
function advance(state: RunState, cursor: Cursor, perEpoch: number, loss: number, losses: RunningMean): void {
  const { steps } = state.settings;
  state.step++;
  state.cursor = nextCursor(cursor, perEpoch);
  const epochs = trainedEpochs(state.settings) ?? 0;
  state.finished = steps !== null ? state.step >= steps : state.cursor.epoch >= epochs;
  state.recentLosses = losses.recent();
  state.epochLoss = { sum: state.epochLoss.sum + loss, steps: state.epochLoss.steps + 1 };
}

function lengths({ state, source }: TrainingRun): { epochs: number | null; steps: number } {
  const { settings } = state;
  return { epochs: trainedEpochs(settings), steps: trainedSteps(settings, source.batchesPerEpoch) };
}

/** On the CPU the process's memory has the planned one. */
function memoryOf(run: TrainingRun): { peakBytes: number; deviceBytes: number | null } {
  const onGpu = /webgpu|tensorflow/.test(run.state.device);
  return { peakBytes: run.record.peakBytes(run), deviceBytes: onGpu ? run.training.bytes : null };
}

/** Scores of raw weights and average; null without validation data. */
async function validateWeights(run: TrainingRun, maxBatches?: number): Promise<ValidationScores | null> {
  const { validation, state, training, progress, interruption: signal, observer } = run;
  if (validation === null) return null;
  const { ema, batchSize } = state.settings;
  const { samples } = validation.source.description;
  const own = Math.ceil(samples / (validation.share?.world ?? 1));
  const total = Math.min(own, (maxBatches ?? samples) * batchSize);
  const what = maxBatches === undefined ? "validating" : "trying the validation before the first step";
  const onImages = (images: number) => progress.status(`${what}: ${images} of ${total} images`);
  onImages(0);
  const isWhole = maxBatches === undefined;
  const onAnswers = observer && isWhole ? observer.answered.bind(observer) : undefined;
  try {
    return await validate(training, { ...validation, ema, maxBatches, signal, onImages, onAnswers });
  } finally {
    if (isWhole) observer?.validationEnds();
    progress.status("");
  }
}
