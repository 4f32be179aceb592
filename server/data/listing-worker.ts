// Listing worker: a thread that opens a data set, whose file system calls would block the event loop of a server.

import { parentPort, workerData } from "node:worker_threads";
import { type ErrorRecord, toErrorRecord } from "../../runtime/errors.js";
import type { Dataset } from "./dataset.js";
import { openDataset } from "./open-dataset.js";

export type ListingMessage =
  | { kind: "listed"; files: number }
  | { kind: "opened"; dataset: Dataset }
  | { kind: "failed"; error: ErrorRecord };

const respond = (message: ListingMessage): void => parentPort?.postMessage(message);

try {
  respond({
    kind: "opened",
    dataset: openDataset(workerData as string, (files) => respond({ kind: "listed", files })),
  });
} catch (error) {
  respond({ kind: "failed", error: toErrorRecord(error) });
}
