// Prepare run: a run in a page, new or stopped before, with the settings, draws and programs of `vitrine train`.

import { createBatchMaker } from "../../../runtime/batches/batch-maker.js";
import type { BatchSource, EvaluationSource } from "../../../runtime/batches/batch-source.js";
import { describe, sourceBatches } from "../../../runtime/batches/batch-stream.js";
import { createEvaluationMaker, evaluationBatches } from "../../../runtime/batches/evaluation-maker.js";
import { quote, VitrineError } from "../../../runtime/errors.js";
import type { DownloadProgress } from "../../../runtime/host/browser-download.js";
import { readModel } from "../../../runtime/model-files/stored-model.js";
import { inputTransform } from "../../../runtime/models/config.js";
import { writeConfigJson } from "../../../runtime/models/families.js";
import type { Runtime } from "../../../runtime/runtime.js";
import { planTraining } from "../../../runtime/training/plan.js";
import { parameterCount } from "../../../runtime/weights/tensor-map.js";
import { assembleRun, makeTraining, trainingOptions } from "../../../trainer/core/assemble-run.js";
import { changedFlags } from "../../../trainer/core/changed-flags.js";
import { restoreTraining } from "../../../trainer/core/checkpoint-files.js";
import { frozenNames } from "../../../trainer/core/frozen.js";
import { startRun } from "../../../trainer/core/new-run.js";
import { settingsFrom } from "../../../trainer/core/options.js";
import type { DataRequest, StartingPoint, TrainingRun } from "../../../trainer/core/run.js";
import { trainedSteps } from "../../../trainer/core/schedule.js";
import { checkSettings } from "../../../trainer/core/settings.js";
import { type RunState, readState, STATE_FILE } from "../../../trainer/core/state.js";
import { openModelSource } from "../model-source.js";
import type { TrainerFacts, TrainingPlanned } from "./contract.js";
import { DecodeThread } from "./decode-thread.js";
import { givenSettings } from "./given-settings.js";
import { keepPictures, keptPictures, type RunPictures } from "./kept-pictures.js";
import type { OpenRequest } from "./messages.js";
import { createPageDataset, type PageDataset } from "./page-dataset.js";
import { HISTORY_FILE, type History, pageRecord } from "./page-record.js";
import { readablePictures } from "./readable-pictures.js";
import { inWriting, RunFiles } from "./run-files.js";
import { sharedTraining } from "./shared-training.js";

export interface PreparedPageRun {
  run: TrainingRun;
  labels: string[];
  files: RunFiles;
  history: History;
  facts: TrainerFacts;
  runtime: Runtime;
  configText: string;
}

export interface PreparationEvents {
  onProgress(progress: DownloadProgress): void;
  onPlan(plan: TrainingPlanned): void;
  onNotice(text: string): void;
}

/** What the run reads its pictures with. */
interface Data {
  decoder: DecodeThread;
  training: PageDataset;
  validation: PageDataset | null;
}

/** A picture that cannot be read keeps its place in a batch and has no weight: the others of a page still count. */
const BAD_SAMPLES = "skip";

/** Says once of each picture that it is left out. */
function leftOut(onNotice: (text: string) => void): (error: VitrineError) => void {
  const named = new Set<unknown>();
  return ({ message, details }) => {
    if (!named.has(details.file)) onNotice(`left out: ${message}`);
    named.add(details.file);
  };
}

function trainingSource(
  { decoder, training }: Data,
  runtime: Runtime,
  onSkipped: (error: VitrineError) => void,
) {
  return async ({ recipe, batchSize, seed }: DataRequest): Promise<BatchSource> => {
    const options = { recipe, batchSize, seed, badSamples: BAD_SAMPLES, onSkipped } as const;
    const maker = createBatchMaker(decoder, runtime.image.math, training, options);
    return {
      description: describe(training, "page"),
      batchesPerEpoch: maker.batchesPerEpoch,
      batches: (from) => sourceBatches(decoder, maker, from),
      close: async () => {},
    };
  };
}

function validationSource(
  { decoder, validation }: Data,
  { config, state }: StartingPoint,
  onSkipped: (error: VitrineError) => void,
): { source: EvaluationSource; classMap: Int32Array } | null {
  if (validation === null) return null;
  const maker = createEvaluationMaker(decoder, validation, {
    ...inputTransform(config),
    batchSize: state.settings.batchSize,
    badSamples: BAD_SAMPLES,
    onSkipped,
  });
  const source: EvaluationSource = {
    description: describe(validation, "page"),
    batches: () => evaluationBatches((bytes) => decoder.allocate(bytes), maker),
    close: async () => {},
  };
  return { source, classMap: Int32Array.from(state.classMap) };
}

/** Opens a device. `relaxed`: fused multiply-add, as the run's checkpoint has it. */
export type OpenRuntime = (device: string, relaxed: boolean | "auto") => Promise<Runtime>;

interface Opening {
  request: OpenRequest;
  openRuntime: OpenRuntime;
  startDecoder(): Worker;
  events: PreparationEvents;
}

async function openData(
  pictures: RunPictures,
  { request: { assets }, startDecoder }: Opening,
): Promise<Data> {
  const training = await createPageDataset(pictures.training, "the pictures to train on");
  const validation =
    pictures.validation.length === 0
      ? null
      : await createPageDataset(pictures.validation, "the pictures to validate on", training.classes);
  return { decoder: await DecodeThread.open(startDecoder, assets), training, validation };
}

/** Mixup and CutMix pair the samples of a batch. */
const FEWEST_PICTURES = 2;

async function newPictures({ request, events }: Opening): Promise<RunPictures> {
  const onLeftOut = (reason: string) => events.onNotice(`left out: ${reason}`);
  const training = await readablePictures(request.pictures, onLeftOut);
  const validation = await readablePictures(request.validation, onLeftOut);
  if (training.length < FEWEST_PICTURES)
    throw new VitrineError(
      "data/too-few-samples",
      `got ${training.length} pictures to train on; allowed: at least ${FEWEST_PICTURES}, of formats that are read (pictures)`,
      { details: { samples: training.length, given: request.pictures.length } },
    );
  return { training, validation };
}

async function startNew(
  opening: Opening,
): Promise<{ start: StartingPoint; data: Data; pictures: RunPictures }> {
  const { request, events } = opening;
  const { model } = request;
  if (model === null)
    throw new VitrineError("usage/training", "a new run needs a model to start from (model)");
  const given = givenSettings(request.trains, request.settings);
  const pictures = await newPictures(opening);
  const source = await openModelSource(model, events.onProgress);
  const asked = { ...settingsFrom(given), init: source.location };
  checkSettings(asked);
  const data = await openData(pictures, opening);
  const init = await readModel(source, { headless: true });
  const runtime = await opening.openRuntime(request.device ?? "auto", "auto");
  const start = await startRun(
    { given, badSamples: BAD_SAMPLES, device: request.device, gpuTier: null, threads: request.threads },
    { connect: trainingSource(data, runtime, leftOut(events.onNotice)), openRuntime: async () => runtime },
    { asked, start: { config: init.config, init } },
    [],
  );
  return { start, data, pictures };
}

async function startStopped(
  opening: Opening,
  files: RunFiles,
): Promise<{
  start: StartingPoint;
  data: Data;
  pictures: RunPictures;
  read: (file: string) => Promise<Uint8Array | null>;
}> {
  const { request, events } = opening;
  const read = await files.newest("last");
  const pictures = read && (await keptPictures(files));
  const stateText = read && (await read(STATE_FILE));
  if (!read || !pictures || !stateText)
    throw new VitrineError("checkpoint/missing", `this page keeps no run "${quote(files.run)}" to continue`);
  const location = `run "${files.run}"`;
  const state: RunState = readState(new TextDecoder().decode(stateText), `${location}: ${STATE_FILE}`);
  const data = await openData(pictures, opening);
  if (data.training.fingerprint !== state.data.fingerprint)
    throw new VitrineError(
      "data/fingerprint-changed",
      `${location}: its pictures are no longer those that it was started with: remove it, and start a new one`,
    );
  const { config, labels, weights, batchesTracked } = await readModel({ name: files.run, location, read });
  const runtime = await opening.openRuntime(request.device ?? state.device, state.fusedMultiplyAdd);
  const { recipe, batchSize, seed } = state.settings;
  const connect = trainingSource(data, runtime, leftOut(events.onNotice));
  const source = await connect({ recipe, batchSize, seed, badSamples: BAD_SAMPLES });
  const start = {
    resumed: true,
    config,
    labels,
    weights,
    batchesTracked,
    state,
    source,
    runtime,
    notices: [],
  };
  return { start, data, pictures, read };
}

/** Curves that cannot be read cost no training: they begin again. */
async function historyOf(read: ((file: string) => Promise<Uint8Array | null>) | null): Promise<History> {
  const none: History = { steps: [], evaluations: [] };
  const bytes = read && (await read(HISTORY_FILE));
  if (!bytes) return none;
  try {
    const { steps, evaluations } = JSON.parse(new TextDecoder().decode(bytes)) as Partial<History>;
    return Array.isArray(steps) && Array.isArray(evaluations) ? { steps, evaluations } : none;
  } catch {
    return none;
  }
}

/** Four bytes for each value of the weights, and of each moment that the optimizer keeps. */
function planOf(start: StartingPoint): TrainingPlanned {
  const { weights, state, runtime } = start;
  const { bytes } = planTraining(trainingOptions(start), runtime.executor.capabilities);
  const copies = 1 + (state.settings.opt === "sgd" ? 1 : 2) + (state.settings.ema ? 1 : 0);
  return { bytes, checkpointBytes: 4 * copies * parameterCount(weights) };
}

function factsOf(
  start: StartingPoint,
  data: Data,
  plan: TrainingPlanned,
  history: History,
): Omit<TrainerFacts, "run"> {
  const { config, labels, weights, state, source, runtime } = start;
  const { settings, step, finished } = state;
  const frozen = new Set(frozenNames([...weights.keys()], settings));
  const trained = new Map([...weights].filter(([name]) => !frozen.has(name)));
  return {
    classes: [...labels],
    pictures: data.training.samples,
    validation: data.validation?.samples ?? 0,
    imageSize: config.imageSize,
    batchSize: settings.batchSize,
    steps: trainedSteps(settings, source.batchesPerEpoch),
    step,
    finished: finished && state.owedValidation === null,
    parameters: parameterCount(weights),
    trainedParameters: parameterCount(trained),
    device: runtime.executor.device,
    deviceDescription: runtime.description,
    plan,
    flags: [`--recipe ${settings.recipeName}`, ...changedFlags({ ...settings, init: null })],
    history,
  };
}

/** Bytes of a run's files: its pictures, and two checkpoints, since one is written before the one before it goes. */
function neededSpace({ training, validation }: RunPictures, { checkpointBytes }: TrainingPlanned): number {
  const pictures = [...training, ...validation].reduce((bytes, { picture }) => bytes + picture.size, 0);
  return pictures + 2 * checkpointBytes;
}

/** Keeps the pictures of a new run; where there is no space for them, nothing of it is left. */
async function keepNew(run: string, pictures: RunPictures, neededBytes: number): Promise<RunFiles> {
  try {
    const files = await RunFiles.create(run);
    await keepPictures(files, pictures);
    return files;
  } catch (error) {
    await RunFiles.remove(run).catch(() => {});
    throw inWriting(error, neededBytes);
  }
}

/**
 * Opens everything that a run needs, which ends with its worker; the pictures of a new one are kept. Throws a typed error
 * for each thing that does not fit.
 */
export async function prepareRun(opening: Opening & { interruption: AbortSignal }): Promise<PreparedPageRun> {
  const { request, events, interruption } = opening;
  const existing = await RunFiles.open(request.run);
  if (!request.resume && existing && (await existing.newest("last")))
    throw new VitrineError(
      "usage/out",
      `this page already keeps a run "${quote(request.run)}": continue it (resume), remove it, or name another one (run)`,
    );
  if (request.resume && !existing)
    throw new VitrineError(
      "checkpoint/missing",
      `this page keeps no run "${quote(request.run)}" to continue`,
    );
  const stopped = request.resume && existing ? await startStopped(opening, existing) : null;
  const { start, data, pictures } = stopped ?? (await startNew(opening));
  const history = await historyOf(stopped?.read ?? null);
  const plan = planOf(start);
  events.onPlan(plan);
  const neededBytes = neededSpace(pictures, plan);
  const files = stopped && existing ? existing : await keepNew(request.run, pictures, neededBytes);
  const training = sharedTraining(await makeTraining(start));
  if (stopped) {
    const path = (file: string) => file;
    await restoreTraining({ path, read: stopped.read }, training, start.state);
  }
  const { config, labels, runtime } = start;
  const configText = writeConfigJson(config, labels);
  const run = assembleRun(start, null, {
    training,
    validation: validationSource(data, start, leftOut(events.onNotice)),
    record: pageRecord({ files, configText, classes: labels, history, neededBytes }),
    keepBest: 1,
    // The trainer's worker asks for saves by the clock.
    checkpointEvery: Number.POSITIVE_INFINITY,
    // Its sentences name flags, which a page has not; what they say is in the facts, the steps and the evaluations.
    progress: { report: () => {}, status: () => {}, say: () => {}, end: () => {} },
    interruption,
  });
  const facts = { run: request.run, ...factsOf(start, data, plan, history) };
  return { run, labels, files, history, facts, runtime, configText };
}
