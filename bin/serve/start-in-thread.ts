// Start in thread: a model on a device of its own, read and prepared in a thread, so that the server answers meanwhile.

import { Worker } from "node:worker_threads";
import { fromErrorRecord, quote, VitrineError } from "../../runtime/errors.js";
import { placeModel, targetOf } from "../../runtime/load-model.js";
import type { Runtime } from "../../runtime/runtime.js";
import type { WeightDtype } from "../../runtime/weights/weight-dtype.js";
import type { StartedModel } from "./open-version.js";
import type { PreparingMessage, PreparingRequest } from "./preparing-worker.js";

const SCRIPT = new URL("./preparing-worker.js", import.meta.url);

type Prepared = Extract<PreparingMessage, { kind: "prepared" }>;

function prepareInThread(request: PreparingRequest): Promise<Prepared> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(SCRIPT, { workerData: request });
    worker.once("message", (message: PreparingMessage) => {
      if (message.kind === "prepared") resolve(message);
      else reject(fromErrorRecord(message.error));
    });
    worker.once("error", reject);
    // After an answer this changes nothing.
    worker.once("exit", () => {
      const text = `${quote(request.path)}: the thread that reads the model ended`;
      reject(new VitrineError("internal/unexpected", text));
    });
  });
}

export interface ThreadStartOptions {
  batchSizes: readonly number[];
  /** As `ModelOptions.dtype`. */
  dtype?: WeightDtype | undefined;
}

/**
 * The model at `path`, a folder or file, on a runtime of its own, which is disposed of with it, and where that fails.
 * Throws what `loadModel` throws.
 */
export async function startInThread(
  runtime: Runtime,
  path: string,
  { batchSizes, dtype }: ThreadStartOptions,
): Promise<StartedModel> {
  try {
    const { model: prepared, digest } = await prepareInThread({ path, target: targetOf(runtime, dtype) });
    const model = await placeModel(runtime, prepared, { batchSizes });
    const dispose = async (): Promise<void> => {
      model.dispose();
      await runtime.dispose();
    };
    return { runtime, model, digest, dispose };
  } catch (error) {
    await runtime.dispose();
    throw error;
  }
}
