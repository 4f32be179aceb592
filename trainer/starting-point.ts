// Starting point: where a stopped run of the command line continues, from RUN/last: the same values as those that a new
// run starts with, so that nothing after this depends on the difference.

import { join } from "node:path";
import { isVitrineError, quote, VitrineError } from "../runtime/errors.js";
import { nodeModelSource } from "../runtime/host/node.js";
import { readModel } from "../runtime/model-files/stored-model.js";
import type { Runtime } from "../runtime/runtime.js";
import { acceptData, connectAgain } from "./accept-data.js";
import { loadState } from "./checkpoint/load.js";
import { LAST } from "./checkpoint/run-folders.js";
import { checkGiven, resumedSettings } from "./core/options.js";
import type { Disposables, RunRequest, RunSources, StartingPoint } from "./core/run.js";
import { trainedEpochs } from "./core/schedule.js";
import type { RunState } from "./core/state.js";

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
