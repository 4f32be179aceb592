// Opens a data set in a thread of its own: listing a million files takes many seconds, in which a server must answer.

import { Worker } from "node:worker_threads";
import { fromErrorRecord, quote, VitrineError } from "../../runtime/errors.js";
import type { Dataset } from "./dataset.js";
import type { ListingMessage, ListingRequest } from "./listing-worker.js";
import type { OpenOptions } from "./open-dataset.js";

const SCRIPT = new URL("./listing-worker.js", import.meta.url);

function tooManyFiles(path: string, cause: Error): VitrineError {
  const text =
    `${quote(path)}: listing its files takes more memory than Node may use: ` +
    "start the server with NODE_OPTIONS=--max-old-space-size=8192 (MiB), or divide the data set";
  return new VitrineError("file/unreadable", text, { details: { path }, cause });
}

/** As `openDataset`. */
export function openDatasetInThread(
  path: string,
  { badSamples, onFiles = () => {}, remote }: OpenOptions = {},
): Promise<Dataset> {
  return new Promise((resolve, reject) => {
    const workerData: ListingRequest = { path, badSamples, remote };
    const worker = new Worker(SCRIPT, { workerData });
    worker.on("message", (message: ListingMessage) => {
      if (message.kind === "listed") onFiles(message.files);
      else {
        if (message.kind === "opened") resolve(message.dataset);
        else reject(fromErrorRecord(message.error));
        // Requests that nobody waits for any more end with it.
        void worker.terminate();
      }
    });
    worker.once("error", (error: NodeJS.ErrnoException) => {
      reject(error.code === "ERR_WORKER_OUT_OF_MEMORY" ? tooManyFiles(path, error) : error);
    });
    // After an answer this changes nothing.
    worker.once("exit", () => {
      reject(new VitrineError("file/unreadable", `${path}: the thread that lists its files ended`));
    });
  });
}
