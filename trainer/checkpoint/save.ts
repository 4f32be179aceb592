// Save: writes the run to RUN/last, a model folder with the training state beside the weights, and the models of its best
// epochs to RUN/best and RUN/top.

import { join } from "node:path";
import type { Training } from "../../runtime/training/contract.js";
import { modelFiles, stateFiles } from "../core/checkpoint-files.js";
import type { OpenRecord } from "../core/run-record.js";
import { type RunState, STATE_FILE, writeState } from "../core/state.js";
import { type MetricsFile, openMetrics } from "../metrics.js";
import { commitFolder, type DurableFiles } from "./commit-folder.js";
import { BEST, LAST } from "./run-folders.js";
import { pruneTop, saveTop } from "./top-models.js";

export interface CheckpointTarget {
  files: DurableFiles;
  /** RUN. */
  folder: string;
  /** Text of config.json, the same for the whole run. */
  configText: string;
}

export interface Checkpoints extends Omit<OpenRecord, "addStep" | "completeStep"> {
  metrics: MetricsFile;
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
