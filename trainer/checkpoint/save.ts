// Save: the run as it stands becomes RUN/last or RUN/best, a model folder with the training state beside the weights.

import type { Training } from "../../runtime/training/contract.js";
import { storedFloats, writeSafetensors } from "../../runtime/weights/safetensors.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { commitFolder } from "./commit-folder.js";
import type { DurableFiles } from "./durable-files.js";
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

function tensorFile(tensors: TensorMap): Uint8Array {
  return writeSafetensors(storedFloats(tensors), { format: "pt" });
}

/** Every file of a checkpoint by name, read back from the device once. */
export async function checkpointFiles(
  training: Training,
  state: RunState,
  configText: string,
): Promise<Map<string, Uint8Array>> {
  const moments = new Map([
    ...prefixed(FIRST_MOMENT, await training.read("firstMoment")),
    ...prefixed(SECOND_MOMENT, await training.read("secondMoment")),
  ]);
  const contents = new Map([
    ["config.json", new TextEncoder().encode(configText)],
    ["model.safetensors", tensorFile(await training.read("weights"))],
    ["optimizer.safetensors", tensorFile(moments)],
    [STATE_FILE, writeState(state)],
  ]);
  if (state.settings.ema) contents.set("ema.safetensors", tensorFile(await training.read("ema")));
  return contents;
}

/**
 * Writes RUN/last, and RUN/best before it where this is the best so far: `last` names the best, so a crash between
 * the two must not leave it naming a checkpoint that was never written.
 */
export async function saveCheckpoint(
  target: CheckpointTarget,
  training: Training,
  state: RunState,
  isBest: boolean,
): Promise<void> {
  const contents = await checkpointFiles(training, state, target.configText);
  await target.files.makeFolder(target.folder);
  if (isBest) await commitFolder(target.files, target.folder, BEST, contents);
  await commitFolder(target.files, target.folder, LAST, contents);
}
