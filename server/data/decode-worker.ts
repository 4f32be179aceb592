// Decode worker: a thread with an image module of its own, in memory that no other thread sees.

import { parentPort } from "node:worker_threads";
import { type ErrorRecord, toErrorRecord } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import type { DecodeOutcome, DecodeTask } from "./decode-task.js";
import { runDecodeTask } from "./run-decode-task.js";

export interface WorkerRequest {
  id: number;
  task: DecodeTask;
  batch: SharedArrayBuffer;
}

export type WorkerAnswer =
  | { kind: "ready" }
  | { kind: "done"; id: number; outcome: DecodeOutcome }
  /** The task broke a rule of the program: no fault of a file. */
  | { kind: "failed"; id: number; error: ErrorRecord }
  | { kind: "unusable"; error: ErrorRecord };

const port = parentPort;

function answer(message: WorkerAnswer): void {
  port?.postMessage(message);
}

try {
  const module = await createImageModule(nodeHost());
  port?.on("message", ({ id, task, batch }: WorkerRequest) => {
    try {
      answer({ kind: "done", id, outcome: runDecodeTask(module, task, new Uint8Array(batch)) });
    } catch (error) {
      answer({ kind: "failed", id, error: toErrorRecord(error) });
    }
  });
  answer({ kind: "ready" });
} catch (error) {
  answer({ kind: "unusable", error: toErrorRecord(error) });
}
