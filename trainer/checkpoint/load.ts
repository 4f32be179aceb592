// Load: reads RUN/last back into a run, after completing what a crash interrupted.

import { join } from "node:path";
import { quote, VitrineError } from "../../runtime/errors.js";
import {
  LARGEST_TEXT,
  LARGEST_WEIGHTS,
  readFileIfAny,
  readWholeFile,
} from "../../runtime/host/node-files.js";
import type { CheckpointReader } from "../core/checkpoint-files.js";
import { type RunState, readState, STATE_FILE } from "../core/state.js";
import { DISK, type DurableFiles, recoverFolder } from "./commit-folder.js";
import { BEST, LAST } from "./run-folders.js";

/** Whether RUN contains a checkpoint, complete or with a commit to be finished. */
export async function hasCheckpoint(folder: string, files: DurableFiles = DISK): Promise<boolean> {
  const state = join(folder, LAST, STATE_FILE);
  return (await files.exists(state)) || (await files.exists(join(folder, `${LAST}.commit`, STATE_FILE)));
}

/** Removes partial folders and completes committed ones. Called before a run continues, never by a reader. */
async function recoverRun(folder: string, files: DurableFiles = DISK): Promise<void> {
  for (const name of [BEST, LAST]) await recoverFolder(files, folder, name);
}

/** state.json of RUN/last. Throws `checkpoint/missing`, `checkpoint/state`. */
export async function loadState(folder: string, files: DurableFiles = DISK): Promise<RunState> {
  if (!(await hasCheckpoint(folder, files)))
    throw new VitrineError(
      "checkpoint/missing",
      `${quote(folder)}: no checkpoint to continue from (${LAST}/${STATE_FILE} is missing): correct --out, or leave ` +
        "--resume out to start a run",
      { details: { folder } },
    );
  await recoverRun(folder, files);
  const path = join(folder, LAST, STATE_FILE);
  return readState(new TextDecoder().decode(await readWholeFile(path, LARGEST_TEXT)), path);
}

/** The files of RUN/last. */
export function lastCheckpoint(folder: string): CheckpointReader {
  return {
    path: (file) => join(folder, LAST, file),
    read: (path) => readFileIfAny(path, LARGEST_WEIGHTS),
  };
}
