// Beginning: where a run starts: a new one from --model or --init, or an old one from RUN/last. Both give the same
// things, so that nothing after this knows the difference.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { BatchSource } from "../runtime/batches/batch-source.js";
import { createRuntime } from "../runtime/create-runtime.js";
import { isVitrineError, VitrineError } from "../runtime/errors.js";
import { nodeModelSource } from "../runtime/host/node.js";
import { readTrainableModel } from "../runtime/model-files/stored-model.js";
import type { DeitConfig } from "../runtime/models/deit/config.js";
import type { Runtime } from "../runtime/runtime.js";
import type { TensorMap } from "../runtime/weights/tensor-map.js";
import { hasCheckpoint, loadState } from "./checkpoint/load.js";
import { LAST } from "./checkpoint/save.js";
import { type RunState, STATE_FORMAT } from "./checkpoint/state.js";
import { runClasses } from "./classes.js";
import { checkGiven, resumedSettings, settingsFrom } from "./options.js";
import type { RunRequest, RunSources } from "./run.js";
import { checkSettings, type TrainerSettings } from "./settings.js";
import { firstWeights, openStartingModel } from "./starting-model.js";

export interface Beginning {
  resumed: boolean;
  config: DeitConfig;
  labels: string[];
  weights: TensorMap;
  state: RunState;
  source: BatchSource;
  runtime: Runtime;
  notices: string[];
}

/** Things that a failure on the way must close again. */
export type Closers = (() => unknown)[];

/** What a run that was killed before its first checkpoint may leave. */
const LEFTOVERS = /^(metrics\.csv(\.next)?|last\.next|best\.next)$/;

/** Throws `usage/out` where RUN holds a run already, or something that is none. */
async function checkFree(out: string): Promise<void> {
  if (!existsSync(out)) return;
  if (await hasCheckpoint(out))
    throw new VitrineError(
      "usage/out",
      `${out} holds a run already: go on with it with --resume, or give another --out`,
      { details: { out } },
    );
  let entries: string[];
  try {
    entries = readdirSync(out);
  } catch (cause) {
    throw new VitrineError("usage/out", `--out ${out} is no folder: ${(cause as Error).message}`, { cause });
  }
  const foreign = entries.find((entry) => !LEFTOVERS.test(entry));
  if (foreign === undefined) return;
  throw new VitrineError("usage/out", `${out} is not empty (${foreign}): give another --out`, {
    details: { out },
  });
}

function firstState(
  settings: TrainerSettings,
  source: BatchSource,
  classMap: Int32Array,
  runtime: Runtime,
): RunState {
  const { fingerprint, samples } = source.description;
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
    classMap: [...classMap],
    lossScale: null,
    teacher: null,
    validationPath: null,
    recentLosses: [],
    epochLoss: { sum: 0, steps: 0 },
    best: null,
    validation: null,
  };
}

/** A new run. Nothing is written. */
export async function beginNew(
  request: RunRequest,
  sources: RunSources,
  closers: Closers,
): Promise<Beginning> {
  await checkFree(request.out);
  const asked = settingsFrom(request.given);
  checkSettings(asked);
  const start = await openStartingModel(asked);
  const settings = { ...asked, recipe: { ...asked.recipe, size: start.config.imageSize } };
  const { recipe, batchSize, seed } = settings;
  const source = await sources.connect({ recipe, batchSize, seed });
  closers.push(() => source.close());
  const { labels, classMap } = runClasses(source.description, start.init?.labels ?? null);
  const config = { ...start.config, classes: labels.length };
  const runtime = await createRuntime({
    host: sources.host,
    device: request.device ?? "auto",
    gpuTier: request.gpuTier ?? "auto",
    threads: request.threads,
    trains: true,
    onKernels: sources.onKernels,
  });
  closers.push(() => runtime.dispose());
  const { weights, notices } = firstWeights(start, config, seed, runtime.image.math);
  const state = firstState(settings, source, classMap, runtime);
  return { resumed: false, config, labels, weights, state, source, runtime, notices };
}

/** The executor whose last bits are those of the checkpoint. */
async function sameRuntime(
  { host, onKernels }: RunSources,
  request: RunRequest,
  state: RunState,
): Promise<Runtime> {
  const { fusedMultiplyAdd: relaxed } = state;
  const device = request.device ?? state.device;
  const refused = (cause?: unknown) =>
    new VitrineError(
      "checkpoint/fused-multiply-add",
      `${join(request.out, LAST)} was made ${relaxed ? "with" : "without"} fused multiply-add, which this engine ` +
        `${relaxed ? "has not" : "cannot leave out"}: resume it with the Node version that began it`,
      { cause },
    );
  try {
    const runtime = await createRuntime({
      host,
      device,
      gpuTier: request.gpuTier ?? (device.startsWith("webgpu") ? state.gpuTier : null) ?? "auto",
      threads: request.threads,
      relaxed,
      trains: true,
      onKernels,
    });
    if (runtime.executor.fusedMultiplyAdd === relaxed) return runtime;
    await runtime.dispose();
  } catch (error) {
    if (isVitrineError(error) && error.code === "device/relaxed-simd") throw refused(error);
    throw error;
  }
  throw refused();
}

/** The run that RUN/last holds; its settings stand, and flags that contradict them are refused. */
export async function beginAgain(
  request: RunRequest,
  sources: RunSources,
  closers: Closers,
): Promise<Beginning> {
  const state = await loadState(request.out);
  checkGiven(request.given, state.settings);
  state.settings = resumedSettings(state.settings, request.given);
  const { recipe, batchSize, seed } = state.settings;
  const { config, labels, weights } = await readTrainableModel(nodeModelSource(join(request.out, LAST)));
  const source = await sources.connect({ recipe, batchSize, seed, fingerprint: state.data.fingerprint });
  closers.push(() => source.close());
  const runtime = await sameRuntime(sources, request, state);
  closers.push(() => runtime.dispose());
  return { resumed: true, config, labels, weights, state, source, runtime, notices: [] };
}
