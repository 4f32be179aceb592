// Load: reads RUN/last back into a run, after completing what a crash interrupted.

import { join } from "node:path";
import { isVitrineError, quote, VitrineError } from "../../runtime/errors.js";
import {
  LARGEST_TEXT,
  LARGEST_WEIGHTS,
  readFileIfAny,
  readWholeFile,
} from "../../runtime/host/node-files.js";
import type { Training } from "../../runtime/training/contract.js";
import { floatTensors, readSafetensors } from "../../runtime/weights/safetensors.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { DISK, type DurableFiles, recoverFolder } from "./commit-folder.js";
import { BEST, FIRST_MOMENT, LAST, SECOND_MOMENT } from "./save.js";
import { type RunState, readState, STATE_FILE } from "./state.js";

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

async function loadTensors(path: string): Promise<TensorMap> {
  const bytes = await readFileIfAny(path, LARGEST_WEIGHTS);
  if (bytes === null)
    throw new VitrineError("checkpoint/incomplete", `${quote(path)}: no such file; a checkpoint has it`, {
      details: { path },
    });
  return floatTensors(readSafetensors(bytes, path));
}

function withPrefix(tensors: TensorMap, prefix: string): TensorMap {
  const kept = Array.from(tensors).filter(([name]) => name.startsWith(prefix));
  return new Map(kept.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}

/** Runs `write`, whose errors then name the file that the tensors are from. */
function from(path: string, write: () => void): void {
  try {
    write();
  } catch (cause) {
    if (!isVitrineError(cause)) throw cause;
    const details = { ...cause.details, file: path };
    throw new VitrineError(cause.code, `${quote(path)}: ${cause.message}`, { details, cause });
  }
}

/**
 * Loads moments, average and loss scale of RUN/last into a training that was created with its weights. A second moment
 * that SGD does not have, as older versions wrote it, is left out.
 */
export async function restoreTraining(folder: string, training: Training, state: RunState): Promise<void> {
  const optimizer = join(folder, LAST, "optimizer.safetensors");
  const moments = await loadTensors(optimizer);
  from(optimizer, () => training.write("firstMoment", withPrefix(moments, FIRST_MOMENT)));
  from(optimizer, () => training.write("secondMoment", withPrefix(moments, SECOND_MOMENT)));
  if (state.lossScale) training.writeLossScale?.(state.lossScale);
  if (!state.settings.ema) return;
  const average = join(folder, LAST, "ema.safetensors");
  const tensors = await loadTensors(average);
  from(average, () => training.write("ema", tensors));
}
