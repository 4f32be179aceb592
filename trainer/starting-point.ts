// Starting point: where a stopped run of the command line continues, or one that another process has sent: the same values
// as those that a new run starts with, so that nothing after this depends on the difference.

import { isVitrineError, quote, VitrineError } from "../runtime/errors.js";
import { readModel } from "../runtime/model-files/stored-model.js";
import type { Runtime } from "../runtime/runtime.js";
import { acceptData, connectAgain } from "./accept-data.js";
import { checkGiven, resumedSettings } from "./core/options.js";
import type { Disposables, RunRequest, RunSources, StartingPoint, StoredRun } from "./core/run.js";
import { trainedEpochs } from "./core/schedule.js";
import type { RunState } from "./core/state.js";

/** A runtime that rounds as the checkpoint's did. Throws `checkpoint/fused-multiply-add`. */
async function openSameRuntime(
  sources: RunSources,
  { device: asked, gpuTier, threads }: RunRequest,
  { state, place }: StoredRun,
): Promise<Runtime> {
  const { fusedMultiplyAdd: relaxed } = state;
  const device = asked ?? state.device;
  const tier = gpuTier ?? (device.startsWith("webgpu") ? state.gpuTier : null) ?? "auto";
  const refused = (cause?: unknown) =>
    new VitrineError(
      "checkpoint/fused-multiply-add",
      `${quote(place)} was made ${relaxed ? "with" : "without"} fused multiply-add, which this engine ` +
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

/** The run that is stored, with its settings; flags that contradict them are refused. */
export async function resumeRun(
  request: RunRequest,
  sources: RunSources,
  stored: StoredRun,
  disposables: Disposables,
): Promise<StartingPoint> {
  const { state } = stored;
  const given = new Map([...(request.configured ?? []), ...request.given]);
  checkGiven(given, state.settings);
  state.settings = resumedSettings(state.settings, given);
  state.badValidationSamples = request.badSamples ?? state.badValidationSamples;
  state.finished = state.finished && !isLonger(state);
  const { config, labels, weights, batchesTracked } = await readModel(stored.model);
  const source = await connectAgain((data) => sources.connect(data), request, state);
  disposables.push(() => source.close());
  const notices = request.acceptData ? acceptData(state, source, labels) : [];
  const runtime = await openSameRuntime(sources, request, stored);
  disposables.push(() => runtime.dispose());
  return { resumed: true, config, labels, weights, batchesTracked, state, source, runtime, notices };
}
