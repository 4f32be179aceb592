// Worker failure: the error of a worker whose script could not be fetched, or threw.

import { VitrineError } from "../../runtime/errors.js";

/** Browsers give the event a message only where the script ran, or could not be parsed. */
export function workerFailure(what: string, { message }: Partial<Pick<ErrorEvent, "message">>): VitrineError {
  if (message) return new VitrineError("internal/worker", `the ${what} worker failed: ${message}`);
  const text =
    `the ${what} worker's script could not be fetched: is it hosted beside the library's script, and does the page's ` +
    "policy allow it (worker-src)?";
  return new VitrineError("network/unreachable", text, { details: { worker: what } });
}
