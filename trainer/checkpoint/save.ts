// Save: writes the run to RUN/last, a model folder with the training state beside the weights, and the model of its best
// epoch to RUN/best.

import { join } from "node:path";
import type { Training } from "../../runtime/training/contract.js";
import { withBatchCounts } from "../../runtime/weights/batch-counts.js";
import { storedFloats, writeSafetensors } from "../../runtime/weights/safetensors.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { type MetricsFile, openMetrics } from "../metrics.js";
import type { ValidationScores } from "../validation.js";
import { commitFolder, type DurableFiles } from "./commit-folder.js";
import { type RunState, STATE_FILE, writeState } from "./state.js";

export const LAST = "last";
export const BEST = "best";

/** AdamW's moments under torch's names. */
export const FIRST_MOMENT = "exp_avg.";
export const SECOND_MOMENT = "exp_avg_sq.";

export interface CheckpointTarget {
  files: DurableFiles;
  /** RUN. */
  folder: string;
  /** Text of config.json, the same for the whole run. */
  configText: string;
}

function prefixed(prefix: string, tensors: TensorMap): TensorMap {
  return new Map(Array.from(tensors, ([name, tensor]) => [prefix + name, tensor]));
}

/** `batches`: what the running statistics of a state with them have seen. */
function tensorFile(tensors: TensorMap, batches = 0): Uint8Array {
  return writeSafetensors(withBatchCounts(storedFloats(tensors), batches), { format: "pt" });
}

/** Files of the model, read back from the device: weights, average, configuration. */
async function modelFiles(
  training: Training,
  state: RunState,
  configText: string,
): Promise<Map<string, Uint8Array>> {
  const contents = new Map([
    ["config.json", new TextEncoder().encode(configText)],
    ["model.safetensors", tensorFile(await training.read("weights"), training.batchesTracked)],
  ]);
  if (state.settings.ema)
    contents.set("ema.safetensors", tensorFile(await training.read("ema"), training.batchesTracked));
  return contents;
}

/** Files that only a run needs to continue. */
async function stateFiles(training: Training, state: RunState): Promise<Map<string, Uint8Array>> {
  const moments = new Map([
    ...prefixed(FIRST_MOMENT, await training.read("firstMoment")),
    ...prefixed(SECOND_MOMENT, await training.read("secondMoment")),
  ]);
  return new Map([
    ["optimizer.safetensors", tensorFile(moments)],
    [STATE_FILE, writeState(state)],
  ]);
}

/**
 * Whether this epoch is the best so far. By `evalMetric` top1, main.py's rule: the higher top-1 of the raw weights, at
 * equal top-1 the lower loss; by `loss`, the lower loss. Without validation data, the lower mean training loss of the
 * epoch. Records it in `state`.
 */
export function takeBest(state: RunState, epoch: number, validation: ValidationScores | null): boolean {
  const top1 = validation?.weights.top1 ?? null;
  const loss = validation?.weights.loss ?? state.epochLoss.sum / state.epochLoss.steps;
  const { best, settings } = state;
  const byLoss = settings.evalMetric === "loss";
  const better =
    best === null ||
    // The run gained or lost its validation data when it was resumed: the two scores cannot be compared.
    (best.top1 === null) !== (top1 === null) ||
    (!byLoss && (top1 ?? 0) > (best.top1 ?? 0)) ||
    ((byLoss || top1 === best.top1) && loss < best.loss);
  if (better) state.best = { epoch, step: state.step, top1, loss };
  state.sinceBest = better ? 0 : state.sinceBest + 1;
  return better;
}

export interface Checkpoints {
  metrics: MetricsFile;
  /** Writes RUN/last. */
  save(): Promise<void>;
  /**
   * Writes RUN/best. The state in RUN/last that names it must be written after it: a crash between the two must not
   * leave a state that names a checkpoint which was never written.
   */
  saveBest(): Promise<void>;
  /** Writes the state in RUN/last, which has the weights and moments of this step already. */
  saveState(): Promise<void>;
  /** The step that RUN/last contains. */
  saved(): number;
  /** Writes RUN/last if steps were done since. */
  saveUnsaved(): Promise<void>;
}

/**
 * Opens RUN for writing. A new run gets its first checkpoint here, before its first step: from then on there is
 * always something to resume.
 */
export async function openCheckpoints(run: {
  checkpoint: CheckpointTarget;
  training: Training;
  state: RunState;
}): Promise<Checkpoints> {
  const { checkpoint, training, state } = run;
  const { files, folder, configText } = checkpoint;
  await files.makeFolder(folder);
  const metrics = await openMetrics(join(folder, "metrics.csv"), state.step, state.owedValidation);
  let saved = state.step;
  const save = async (): Promise<void> => {
    await metrics.sync();
    const model = await modelFiles(training, state, configText);
    await commitFolder(files, folder, LAST, new Map([...model, ...(await stateFiles(training, state))]));
    saved = state.step;
  };
  if (state.step === 0) await save();
  return {
    metrics,
    save,
    saveBest: async () => commitFolder(files, folder, BEST, await modelFiles(training, state, configText)),
    saveState: async () => {
      await metrics.sync();
      await commitFolder(files, folder, LAST, new Map([[STATE_FILE, writeState(state)]]));
    },
    saved: () => saved,
    saveUnsaved: async () => {
      if (state.step > saved) await save();
    },
  };
}
