// Listing worker: a thread that opens a data set, whose file system calls would block the event loop of a server.

import { parentPort, workerData } from "node:worker_threads";
import type { BadSamples } from "../../runtime/batches/reading-policy.js";
import { type ErrorRecord, toErrorRecord } from "../../runtime/errors.js";
import type { Dataset } from "./dataset.js";
import { openDataset } from "./open-dataset.js";
import type { RemoteSettings } from "./remote/contract.js";

/** What the thread is started with. */
export interface ListingRequest {
  path: string;
  badSamples?: BadSamples | undefined;
  remote?: RemoteSettings | undefined;
}

export type ListingMessage =
  | { kind: "listed"; files: number }
  | { kind: "opened"; dataset: Dataset }
  | { kind: "failed"; error: ErrorRecord };

const respond = (message: ListingMessage): void => parentPort?.postMessage(message);

try {
  const { path, badSamples, remote } = workerData as ListingRequest;
  const onFiles = (files: number) => respond({ kind: "listed", files });
  respond({ kind: "opened", dataset: await openDataset(path, { badSamples, onFiles, remote }) });
} catch (error) {
  respond({ kind: "failed", error: toErrorRecord(error) });
}
