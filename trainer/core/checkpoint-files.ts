// Checkpoint files: a run as the files of a folder: a model folder, with what only a run needs to continue beside the
// weights.

import { isVitrineError, quote, VitrineError } from "../../runtime/errors.js";
import { CONFIG_FILE, WEIGHTS_FILE } from "../../runtime/host/host.js";
import type { Training } from "../../runtime/training/contract.js";
import { withBatchCounts } from "../../runtime/weights/batch-counts.js";
import {
  floatTensors,
  readSafetensors,
  storedFloats,
  writeSafetensors,
} from "../../runtime/weights/safetensors.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { type RunState, STATE_FILE, writeState } from "./state.js";

const AVERAGE_FILE = "ema.safetensors";
const OPTIMIZER_FILE = "optimizer.safetensors";
/** Momentum of the steps that ranks average, where they do. */
const OUTER_FILE = "outer.safetensors";

/** AdamW's moments under torch's names. */
const FIRST_MOMENT = "exp_avg.";
const SECOND_MOMENT = "exp_avg_sq.";

function prefixed(prefix: string, tensors: TensorMap): TensorMap {
  return new Map(Array.from(tensors, ([name, tensor]) => [prefix + name, tensor]));
}

/** `batches`: what the running statistics of a state with them have seen. */
function tensorFile(tensors: TensorMap, batches = 0): Uint8Array {
  return writeSafetensors(withBatchCounts(storedFloats(tensors), batches), { format: "pt" });
}

/** Files of the model, read back from the device: weights, average, configuration. */
export async function modelFiles(
  training: Training,
  state: RunState,
  configText: string,
): Promise<Map<string, Uint8Array>> {
  const contents = new Map([
    [CONFIG_FILE, new TextEncoder().encode(configText)],
    [WEIGHTS_FILE, tensorFile(await training.read("weights"), training.batchesTracked)],
  ]);
  if (state.settings.ema)
    contents.set(AVERAGE_FILE, tensorFile(await training.read("ema"), training.batchesTracked));
  return contents;
}

/** Files that only a run needs to continue. */
export async function stateFiles(
  training: Training,
  state: RunState,
  outerMomentum = training.outerMomentum,
): Promise<Map<string, Uint8Array>> {
  const moments = new Map([
    ...prefixed(FIRST_MOMENT, await training.read("firstMoment")),
    ...prefixed(SECOND_MOMENT, await training.read("secondMoment")),
  ]);
  return new Map([
    [OPTIMIZER_FILE, tensorFile(moments)],
    ...(outerMomentum ? ([[OUTER_FILE, tensorFile(outerMomentum.read())]] as const) : []),
    [STATE_FILE, writeState(state)],
  ]);
}

function withPrefix(tensors: TensorMap, prefix: string): TensorMap {
  const kept = Array.from(tensors).filter(([name]) => name.startsWith(prefix));
  return new Map(kept.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}

/** Where the files of a checkpoint are. */
export interface CheckpointReader {
  /** A file's path, for messages. */
  path(file: string): string;
  /** Null where there is no such file. */
  read(path: string): Promise<Uint8Array | null>;
}

async function loadTensors(checkpoint: CheckpointReader, path: string): Promise<TensorMap> {
  const bytes = await checkpoint.read(path);
  if (bytes === null)
    throw new VitrineError("checkpoint/incomplete", `${quote(path)}: no such file; a checkpoint has it`, {
      details: { path },
    });
  return floatTensors(readSafetensors(bytes, path));
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
 * Loads moments, average and loss scale of a checkpoint into a training that was created with its weights. A second moment
 * that SGD does not have, as older versions wrote it, is left out.
 */
export async function restoreTraining(
  checkpoint: CheckpointReader,
  training: Training,
  state: RunState,
): Promise<void> {
  const optimizer = checkpoint.path(OPTIMIZER_FILE);
  const moments = await loadTensors(checkpoint, optimizer);
  from(optimizer, () => training.write("firstMoment", withPrefix(moments, FIRST_MOMENT)));
  from(optimizer, () => training.write("secondMoment", withPrefix(moments, SECOND_MOMENT)));
  if (state.lossScale) training.writeLossScale?.(state.lossScale);
  if (!state.settings.ema) return;
  const average = checkpoint.path(AVERAGE_FILE);
  const tensors = await loadTensors(checkpoint, average);
  from(average, () => training.write("ema", tensors));
}

/** Loads the weights of a checkpoint into a training that has others of the same model. */
export async function restoreWeights(checkpoint: CheckpointReader, training: Training): Promise<void> {
  const path = checkpoint.path(WEIGHTS_FILE);
  const tensors = await loadTensors(checkpoint, path);
  from(path, () => training.write("weights", tensors));
}

/** Loads the momentum of averaged steps. */
export async function restoreOuter(
  checkpoint: CheckpointReader,
  outerMomentum: NonNullable<Training["outerMomentum"]>,
): Promise<void> {
  const path = checkpoint.path(OUTER_FILE);
  const tensors = await loadTensors(checkpoint, path);
  from(path, () => outerMomentum.write(tensors));
}
