// Checkpoints: the ones of a run, and the metrics that go with them.

import { join } from "node:path";
import type { Training } from "../../runtime/training/contract.js";
import { type MetricsFile, openMetrics } from "../metrics.js";
import { type CheckpointTarget, saveCheckpoint } from "./save.js";
import type { RunState } from "./state.js";

export interface Checkpoints {
  metrics: MetricsFile;
  /** RUN/last as the run stands, and RUN/best with it where this is the best so far. */
  save(isBest: boolean): Promise<void>;
  /** The step that RUN/last holds. */
  saved(): number;
  /** RUN/last, if steps were done since the last one. */
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
  await checkpoint.files.makeFolder(checkpoint.folder);
  const metrics = await openMetrics(join(checkpoint.folder, "metrics.csv"), state.step);
  let saved = state.step;
  const save = async (isBest: boolean): Promise<void> => {
    await metrics.sync();
    await saveCheckpoint(checkpoint, training, state, isBest);
    saved = state.step;
  };
  if (state.step === 0) await save(false);
  return {
    metrics,
    save,
    saved: () => saved,
    saveUnsaved: async () => {
      if (state.step > saved) await save(false);
    },
  };
}
