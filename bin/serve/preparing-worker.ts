// Preparing worker: a thread that reads a model and prepares its weights, which takes seconds for a large one, in which a
// server must answer.

import { parentPort, workerData } from "node:worker_threads";
import { type ErrorRecord, toErrorRecord } from "../../runtime/errors.js";
import { nodeModelSource } from "../../runtime/host/node.js";
import { type PreparedModel, prepareModel, type Target } from "../../runtime/load-model.js";
import { readModel } from "../../runtime/model-files/stored-model.js";
import { weightsDigest } from "../../trainer/weights-digest.js";

/** What the thread is started with. */
export interface PreparingRequest {
  /** Of a model folder or file. */
  path: string;
  target: Target;
}

export type PreparingMessage =
  | { kind: "prepared"; model: PreparedModel; digest: string }
  | { kind: "failed"; error: ErrorRecord };

/** The memory of the weights, which moves to the thread that gets the model. */
function buffersOf({ weights, matrices }: PreparedModel): ArrayBuffer[] {
  const arrays = [
    ...Array.from(weights.values(), ({ data }) => data),
    ...Array.from(matrices.values(), ({ values, scales }) => [values, scales]).flat(),
  ];
  return [...new Set(arrays.map(({ buffer }) => buffer as ArrayBuffer))];
}

try {
  const { path, target } = workerData as PreparingRequest;
  const source = nodeModelSource(path);
  const model = prepareModel(await readModel(source), target);
  const digest = await weightsDigest(source);
  const message: PreparingMessage = { kind: "prepared", model, digest };
  parentPort?.postMessage(message, buffersOf(model));
} catch (error) {
  const message: PreparingMessage = { kind: "failed", error: toErrorRecord(error) };
  parentPort?.postMessage(message);
}
