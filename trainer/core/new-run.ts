// New run: what a run starts with, once its settings, its model and its data are known. Everything that follows is a
// function of it, in a process as in a page.

import type { BatchSource } from "../../runtime/batches/batch-source.js";
import { isVitrineError } from "../../runtime/errors.js";
import type { Runtime } from "../../runtime/runtime.js";
import { runClasses } from "./classes.js";
import { checkParameterMemory, type FirstModel, firstWeights, headLabels } from "./first-weights.js";
import type { Disposables, RunRequest, RunSources, StartingPoint } from "./run.js";
import { averageWindow, trainedSteps } from "./schedule.js";
import type { TrainerSettings } from "./settings.js";
import { type RunState, STATE_FORMAT } from "./state.js";

/** The part of a request that a new run depends on. */
export type NewRun = Pick<
  RunRequest,
  "given" | "configured" | "badSamples" | "device" | "gpuTier" | "threads"
>;

function firstState(
  settings: TrainerSettings,
  { badSamples }: NewRun,
  source: BatchSource,
  runtime: Runtime,
): RunState {
  const { fingerprint, samples, classes } = source.description;
  return {
    format: STATE_FORMAT,
    settings,
    cursor: { epoch: 0, batch: 0 },
    step: 0,
    finished: false,
    generator: { name: "philox4x32-10", seed: settings.seed },
    device: runtime.executor.device,
    gpuTier: runtime.executor.tier ?? null,
    fusedMultiplyAdd: runtime.executor.fusedMultiplyAdd,
    data: { fingerprint, samples },
    acceptedData: [],
    classMap: classes.map((_, index) => index),
    lossScale: null,
    teacher: null,
    validationPath: null,
    badValidationSamples: badSamples ?? "fail",
    recentLosses: [],
    epochLoss: { sum: 0, steps: 0 },
    best: null,
    top: [],
    sinceBest: 0,
    validation: null,
    owedValidation: null,
  };
}

/** Whether a flag, or a configuration file, has the setting. */
function isGiven({ given, configured }: NewRun, ...flags: string[]): boolean {
  return flags.some((flag) => given.has(flag) || configured?.has(flag));
}

/** The sampler of main.py cuts an epoch to a multiple of this; a smaller one would be empty. */
const REPEATED_AUGMENTATION_MIN = 256;

/**
 * Connects with the recipe's batch size and repeated augmentation, or where they were not asked for and the data set is
 * too small for them, with what fits it: one batch an epoch, of an even number of images, and no repetition.
 */
async function connectFitting(
  request: NewRun,
  sources: Pick<RunSources, "connect">,
  asked: TrainerSettings,
): Promise<{ settings: TrainerSettings; source: BatchSource; notices: string[] }> {
  const notices: string[] = [];
  const connect = ({ recipe, batchSize, seed }: TrainerSettings) =>
    sources.connect({ recipe, batchSize, seed, badSamples: request.badSamples ?? "fail" });
  let settings = asked;
  let source: BatchSource;
  try {
    source = await connect(settings);
  } catch (error) {
    if (!isVitrineError(error) || error.code !== "data/too-few-samples") throw error;
    const samples = Number(error.details.samples);
    const unit = 2 * asked.accumulate;
    const batchSize = Math.floor(samples / unit) * unit;
    if (!(batchSize >= unit) || isGiven(request, "--batch-size")) throw error;
    settings = { ...settings, batchSize };
    notices.push(`batch size ${batchSize} instead of ${asked.batchSize}: the data set has ${samples} images`);
    source = await connect(settings);
  }
  const { samples } = source.description;
  const { recipe } = settings;
  const isKept = recipe.repeats === 1 || isGiven(request, "--repeats", "--repeated-aug");
  if (isKept || samples >= REPEATED_AUGMENTATION_MIN) return { settings, source, notices };
  await source.close();
  settings = { ...settings, recipe: { ...recipe, repeats: 1 } };
  notices.push(
    `no repeated augmentation: it needs ${REPEATED_AUGMENTATION_MIN} images, the data set has ${samples}`,
  );
  return { settings, source: await connect(settings), notices };
}

/** Whether the average warms up, where that is left to the run's length. */
function averageWarmsUp(settings: TrainerSettings, batchesPerEpoch: number): boolean {
  return trainedSteps(settings, batchesPerEpoch) < averageWindow(settings.emaDecay);
}

/** A new run, from settings that were checked, and the model that they name. */
export async function startRun(
  request: NewRun,
  sources: Pick<RunSources, "connect" | "openRuntime">,
  { asked, start }: FirstModel,
  disposables: Disposables,
): Promise<StartingPoint> {
  const recipe = { ...asked.recipe, size: start.config.imageSize };
  const connected = await connectFitting(request, sources, { ...asked, recipe });
  const { source } = connected;
  disposables.push(() => source.close());
  const { ema } = connected.settings;
  const emaWarmup =
    asked.emaWarmup ?? (ema ? averageWarmsUp(connected.settings, source.batchesPerEpoch) : null);
  const settings = { ...connected.settings, emaWarmup };
  const { seed } = settings;
  const classes = runClasses(source.description, headLabels(start), settings.keepHead);
  const { labels, headRows } = classes;
  const config = { ...start.config, classes: labels.length };
  const runtime = await sources.openRuntime({
    device: request.device ?? "auto",
    gpuTier: request.gpuTier ?? "auto",
    threads: request.threads,
  });
  disposables.push(() => runtime.dispose());
  checkParameterMemory(config, runtime.executor.capabilities.limitBytes, settings.opt);
  const { weights, notices } = firstWeights(start, config, { headRows, seed, math: runtime.image.math });
  const said = [...connected.notices, ...(classes.notice === null ? [] : [classes.notice]), ...notices];
  const state = firstState(settings, request, source, runtime);
  const batchesTracked = start.init?.batchesTracked ?? 0;
  return { resumed: false, config, labels, weights, batchesTracked, state, source, runtime, notices: said };
}
