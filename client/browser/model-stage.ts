// Model stage: what computes a model's answer about an input, wherever that is.

import type { VitrineError } from "../../runtime/errors.js";
import type { Answer } from "../../runtime/inference/answer.js";
import type { ModelCard } from "./contract.js";
import type { ComputeTask } from "./messages.js";
import type { Outcome } from "./task-queue.js";

export interface ModelStage {
  /** Of the device that the model is on now; undefined until it is loaded. */
  readonly card: ModelCard | undefined;
  /** The pixels may be moved. Throws `model/not-finite`, and the signal's reason. */
  compute(task: ComputeTask, signal: AbortSignal | undefined): Promise<Outcome<Answer>>;
  /** Ends it; calls in progress and later ones are rejected with the error. */
  end(error: VitrineError): void;
}
