// Starting point: where a run starts, a new one from --model or --init or a stopped one from RUN/last. Both give the
// same values, so that nothing after this depends on the difference.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { BatchSource } from "../runtime/batches/batch-source.js";
import { isVitrineError, quote, VitrineError } from "../runtime/errors.js";
import { nodeModelSource } from "../runtime/host/node.js";
import { readModel } from "../runtime/model-files/stored-model.js";
import type { ModelConfig } from "../runtime/models/families.js";
import type { Runtime } from "../runtime/runtime.js";
import type { TensorMap } from "../runtime/weights/tensor-map.js";
import { acceptData, connectAgain } from "./accept-data.js";
import { hasCheckpoint, loadState } from "./checkpoint/load.js";
import { LAST } from "./checkpoint/save.js";
import { type RunState, STATE_FORMAT } from "./checkpoint/state.js";
import { runClasses } from "./classes.js";
import { checkGiven, resumedSettings, settingsFrom } from "./options.js";
import type { RunRequest, RunSources } from "./run.js";
import { averageWindow, trainedEpochs, trainedSteps } from "./schedule.js";
import { checkSettings, type TrainerSettings } from "./settings.js";
import { checkParameterMemory, firstWeights, headLabels, openStartingModel } from "./starting-model.js";

export interface StartingPoint {
  resumed: boolean;
  config: ModelConfig;
  labels: string[];
  weights: TensorMap;
  /** Batches that the running statistics in `weights` have seen. */
  batchesTracked: number;
  state: RunState;
  source: BatchSource;
  runtime: Runtime;
  notices: string[];
}

/** What a failure on the way must close again, and the end of the run as well; last opened, first closed. */
export type Disposables = (() => unknown)[];

/** Files that a run killed before its first checkpoint may leave. */
const LEFTOVERS = /^(lock(\.takeover)?|(metrics\.csv|config\.yaml)(\.next)?|last\.next|best\.next)$/;

/** Throws `usage/out` if RUN contains a run already, or anything else. */
async function checkFree(out: string): Promise<void> {
  if (!existsSync(out)) return;
  const name = quote(out);
  if (await hasCheckpoint(out))
    throw new VitrineError(
      "usage/out",
      `${name} already contains a run: continue it with --resume, or give another --out`,
      { details: { out } },
    );
  let entries: string[];
  try {
    entries = readdirSync(out);
  } catch (cause) {
    throw new VitrineError("usage/out", `--out ${name} is not a folder: ${(cause as Error).message}`, {
      cause,
    });
  }
  const foreign = entries.find((entry) => !LEFTOVERS.test(entry));
  if (foreign === undefined) return;
  throw new VitrineError("usage/out", `${name} is not empty (${quote(foreign)}): give another --out`, {
    details: { out },
  });
}

function firstState(
  settings: TrainerSettings,
  { badSamples }: RunRequest,
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
function isGiven({ given, configured }: RunRequest, ...flags: string[]): boolean {
  return flags.some((flag) => given.has(flag) || configured?.has(flag));
}

/** The sampler of main.py cuts an epoch to a multiple of this; a smaller one would be empty. */
const REPEATED_AUGMENTATION_MIN = 256;

/**
 * Connects with the recipe's batch size and repeated augmentation, or where they were not asked for and the data set is
 * too small for them, with what fits it: one batch an epoch, of an even number of images, and no repetition.
 */
async function connectFitting(
  request: RunRequest,
  sources: RunSources,
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

/** A new run. Writes nothing. */
export async function startNewRun(
  request: RunRequest,
  sources: RunSources,
  disposables: Disposables,
): Promise<StartingPoint> {
  await checkFree(request.out);
  const asked = settingsFrom(request.given, request.configured);
  checkSettings(asked);
  const start = await openStartingModel(asked);
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

/** A runtime that rounds as the checkpoint's did. Throws `checkpoint/fused-multiply-add`. */
async function openSameRuntime(
  sources: RunSources,
  { out, device: asked, gpuTier, threads }: RunRequest,
  state: RunState,
): Promise<Runtime> {
  const { fusedMultiplyAdd: relaxed } = state;
  const device = asked ?? state.device;
  const tier = gpuTier ?? (device.startsWith("webgpu") ? state.gpuTier : null) ?? "auto";
  const refused = (cause?: unknown) =>
    new VitrineError(
      "checkpoint/fused-multiply-add",
      `${quote(join(out, LAST))} was made ${relaxed ? "with" : "without"} fused multiply-add, which this engine ` +
        `${relaxed ? "does not have" : "cannot turn off"}: resume it with the Node version that it was started with`,
      { cause },
    );
  try {
    const runtime = await sources.openRuntime({ device, gpuTier: tier, threads, relaxed });
    if (runtime.executor.fusedMultiplyAdd === relaxed) return runtime;
    await runtime.dispose();
  } catch (error) {
    if (isVitrineError(error) && error.code === "device/relaxed-simd") throw refused(error);
    throw error;
  }
  throw refused();
}

/** Whether the run's length is beyond what it has done: that of a finished run was increased. */
function isLonger({ settings, step, cursor }: RunState): boolean {
  return settings.steps !== null ? step < settings.steps : cursor.epoch < (trainedEpochs(settings) ?? 0);
}

/** The run in RUN/last, with its settings; flags that contradict them are refused. */
export async function resumeRun(
  request: RunRequest,
  sources: RunSources,
  disposables: Disposables,
): Promise<StartingPoint> {
  const state = await loadState(request.out);
  const given = new Map([...(request.configured ?? []), ...request.given]);
  checkGiven(given, state.settings);
  state.settings = resumedSettings(state.settings, given);
  state.badValidationSamples = request.badSamples ?? state.badValidationSamples;
  state.finished = state.finished && !isLonger(state);
  const last = await readModel(nodeModelSource(join(request.out, LAST)));
  const { config, labels, weights, batchesTracked } = last;
  const source = await connectAgain((data) => sources.connect(data), request, state);
  disposables.push(() => source.close());
  const notices = request.acceptData ? acceptData(state, source, labels) : [];
  const runtime = await openSameRuntime(sources, request, state);
  disposables.push(() => runtime.dispose());
  return { resumed: true, config, labels, weights, batchesTracked, state, source, runtime, notices };
}
