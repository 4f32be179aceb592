// Folder record: a run that is kept in a folder: checkpoints, metrics.csv, config.yaml, log.txt, and an event file.

import { join } from "node:path";
import { type CheckpointTarget, openCheckpoints } from "./checkpoint/save.js";
import { pruneTop } from "./checkpoint/top-models.js";
import type { TrainingRun } from "./core/run.js";
import type { OpenRecord, RecordedRun, RunRecord } from "./core/run-record.js";
import { openEventFile } from "./event-file.js";
import { writeRunConfig } from "./run-config.js";
import { stepScalars, validationScalars } from "./scalars.js";
import { inWriting, withCheckpoint } from "./stopping.js";

/** In RUN. */
const LOG_FILE = "log.txt";

export interface FolderTarget {
  checkpoint: CheckpointTarget;
  /** Text of RUN/config.yaml. */
  configYaml: string;
}

/** A run that a folder keeps. */
export interface FolderRun extends TrainingRun, FolderTarget {}

async function openFolder({ checkpoint, configYaml }: FolderTarget, run: RecordedRun): Promise<OpenRecord> {
  const { training, state, progress, observer } = run;
  const { folder } = checkpoint;
  const checkpoints = await openCheckpoints({ checkpoint, training, state, observer });
  const { metrics } = checkpoints;
  await writeRunConfig(folder, configYaml);
  progress.record?.(join(folder, LOG_FILE));
  const events = openEventFile(folder, state.step);
  return {
    ...checkpoints,
    addStep: async (row) => {
      await metrics.append(row);
      events.add(row.step, stepScalars(row));
    },
    completeStep: async (row) => {
      if (row.validation !== null) events.add(row.step, validationScalars(row.validation));
      await metrics.complete(row);
    },
  };
}

/** Throws `file/unwritable`. */
export function folderRecord(target: FolderTarget): RunRecord {
  const { files, folder } = target.checkpoint;
  return {
    open: (run) =>
      openFolder(target, run).catch((error: unknown) => {
        throw inWriting(error, folder);
      }),
    prune: ({ top }) => pruneTop(files, folder, top),
    explain: (error, saved) => withCheckpoint(inWriting(error, folder), { folder, ...saved }),
    peakBytes: () => 1024 * process.resourceUsage().maxRSS,
  };
}
