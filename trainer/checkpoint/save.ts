// Save: writes the run to RUN/last, a model folder with the training state beside the weights, and the models of its best
// epochs to RUN/best and RUN/top.

import { join } from "node:path";
import type { Training } from "../../runtime/training/contract.js";
import { withBatchCounts } from "../../runtime/weights/batch-counts.js";
import { storedFloats, writeSafetensors } from "../../runtime/weights/safetensors.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { type MetricsFile, openMetrics } from "../metrics.js";
import type { ValidationScores } from "../validation.js";
import { commitFolder, type DurableFiles } from "./commit-folder.js";
import { areOfOneKind, type BestScore, isBetter, pruneTop, saveTop, withScore } from "./ranking.js";
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

/** What an epoch's score is worth. */
export interface Rank {
  /** The best so far: RUN/best. */
  isBest: boolean;
  /** Among the best ones that are kept: RUN/top. */
  isTop: boolean;
}

/**
 * Whether this epoch is the best so far (ranking.ts), and whether it is among the `keep` best. Without validation data,
 * its mean training loss counts. Records it in `state`.
 */
export function takeBest(
  state: RunState,
  epoch: number,
  validation: ValidationScores | null,
  keep = 1,
): Rank {
  const top1 = validation?.weights.top1 ?? null;
  const loss = validation?.weights.loss ?? state.epochLoss.sum / state.epochLoss.steps;
  const { best, settings } = state;
  const score: BestScore = { epoch, step: state.step, top1, loss };
  const isBest = best === null || !areOfOneKind(score, best) || isBetter(score, best, settings.evalMetric);
  if (isBest) state.best = score;
  state.sinceBest = isBest ? 0 : state.sinceBest + 1;
  state.top = withScore(state.top, score, { keep, evalMetric: settings.evalMetric });
  return { isBest, isTop: state.top.includes(score) };
}

export interface Checkpoints {
  metrics: MetricsFile;
  /** Writes RUN/last. */
  save(): Promise<void>;
  /**
   * Writes the model to RUN/best and RUN/top, where it ranks. The state in RUN/last that names it must be written after
   * it: a crash between the two must not leave a state that names a checkpoint which was never written.
   */
  saveRanked(rank: Rank, epoch: number): Promise<void>;
  /** Removes from RUN/top what the saved state no longer names. */
  prune(): Promise<void>;
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
  /** Is notified of what was written. */
  observer?: { saved(kind: "last" | "best" | "top", step: number): void } | undefined;
}): Promise<Checkpoints> {
  const { checkpoint, training, state, observer } = run;
  const { files, folder, configText } = checkpoint;
  await files.makeFolder(folder);
  const metrics = await openMetrics(join(folder, "metrics.csv"), state.step, state.owedValidation);
  let saved = state.step;
  const save = async (): Promise<void> => {
    await metrics.sync();
    const model = await modelFiles(training, state, configText);
    await commitFolder(files, folder, LAST, new Map([...model, ...(await stateFiles(training, state))]));
    saved = state.step;
    observer?.saved("last", saved);
  };
  if (state.step === 0) await save();
  await pruneTop(files, folder, state.top);
  return {
    metrics,
    save,
    saveRanked: async ({ isBest, isTop }, epoch) => {
      if (!isBest && !isTop) return;
      const model = await modelFiles(training, state, configText);
      if (isTop) await saveTop(files, folder, epoch, model);
      if (isTop) observer?.saved("top", state.step);
      if (isBest) await commitFolder(files, folder, BEST, model);
      if (isBest) observer?.saved("best", state.step);
    },
    prune: () => pruneTop(files, folder, state.top),
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
