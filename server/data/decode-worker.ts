// Decode worker: a thread with its own image module, in memory that no other thread can access.

import { parentPort } from "node:worker_threads";
import { type ErrorRecord, toErrorRecord } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import {
  type DecodeOutcome,
  type DecodeTask,
  runDecodeTask,
  startReading,
  type TaskReading,
} from "./decode-task.js";
import type { ReadOptions } from "./read-sample.js";

export interface WorkerRequest {
  id: number;
  task: DecodeTask;
  batch: SharedArrayBuffer;
  /** How the task's samples are read. */
  options: ReadOptions;
}

export type WorkerResponse =
  | { kind: "ready" }
  | { kind: "done"; id: number; outcome: DecodeOutcome }
  /** A fault of the program, not of a file. */
  | { kind: "failed"; id: number; error: ErrorRecord }
  | { kind: "unusable"; error: ErrorRecord };

function respond(message: WorkerResponse): void {
  parentPort?.postMessage(message);
}

try {
  const module = await createImageModule(nodeHost());
  const run = async ({ id, task, batch, options }: WorkerRequest, reading: TaskReading): Promise<void> => {
    try {
      const outcome = await runDecodeTask(module, task, new Uint8Array(batch), options, reading);
      respond({ kind: "done", id, outcome });
    } catch (error) {
      respond({ kind: "failed", id, error: toErrorRecord(error) });
    }
  };
  // Read at once, but decoded one after another: two pictures at once would need twice the memory.
  let last = Promise.resolve();
  parentPort?.on("message", (request: WorkerRequest) => {
    const reading = startReading(request.task, request.options);
    last = last.then(() => run(request, reading));
  });
  respond({ kind: "ready" });
} catch (error) {
  respond({ kind: "unusable", error: toErrorRecord(error) });
}
