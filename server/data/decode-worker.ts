// Decode worker: a thread with its own image module, in memory that no other thread can access.

import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import type { TaskReading } from "../../runtime/batches/run-sample-task.js";
import { type DecodeOutcome, noStageSeconds, type StageSeconds } from "../../runtime/batches/sample-task.js";
import { type ErrorRecord, toErrorRecord } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { type DecodeTask, runDecodeTask, startReading } from "./decode-task.js";
import type { ReadOptions } from "./read-sample.js";
import { RemoteClient } from "./remote/remote-client.js";
import { warmUp } from "./warm-up.js";

export interface WorkerData {
  /** To the threads that read remote samples; empty without such threads. */
  readers: MessagePort[];
}

export interface WorkerRequest {
  id: number;
  task: DecodeTask;
  batch: SharedArrayBuffer;
  /** How the task's samples are read. */
  options: Omit<ReadOptions, "remote">;
}

export type WorkerResponse =
  | { kind: "ready" }
  | { kind: "done"; id: number; outcome: DecodeOutcome; stages: StageSeconds }
  /** A fault of the program, not of a file. */
  | { kind: "failed"; id: number; error: ErrorRecord }
  | { kind: "unusable"; error: ErrorRecord };

function respond(message: WorkerResponse): void {
  parentPort?.postMessage(message);
}

try {
  const { readers } = workerData as WorkerData;
  const remote = readers.length > 0 ? new RemoteClient(readers) : undefined;
  const module = await createImageModule(nodeHost());
  const run = async (
    { id, task, batch }: WorkerRequest,
    options: ReadOptions,
    reading: TaskReading,
  ): Promise<void> => {
    try {
      const stages = noStageSeconds();
      const outcome = await runDecodeTask(module, task, new Uint8Array(batch), options, reading, stages);
      respond({ kind: "done", id, outcome, stages });
    } catch (error) {
      respond({ kind: "failed", id, error: toErrorRecord(error) });
    }
  };
  // Read at once, but decoded one after another: two pictures at once would need twice the memory.
  let last = Promise.resolve();
  let isIdle = true;
  parentPort?.on("message", (request: WorkerRequest) => {
    isIdle = false;
    const options = { ...request.options, remote };
    const reading = startReading(request.task, options);
    last = last.then(() => run(request, options, reading));
  });
  respond({ kind: "ready" });
  const warmed = warmUp(
    module.math,
    () => isIdle,
    (task, pixels, reading) => runDecodeTask(module, task, pixels, {}, reading),
  );
  last = warmed.then(() => {});
} catch (error) {
  respond({ kind: "unusable", error: toErrorRecord(error) });
}
