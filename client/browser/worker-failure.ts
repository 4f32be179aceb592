// Worker failure: the error of a worker whose script did not load or threw.

import { VitrineError } from "../../runtime/errors.js";

export function workerFailure(what: string, { message }: ErrorEvent): VitrineError {
  const text = message || "its script could not be loaded";
  return new VitrineError("internal/worker", `the ${what} worker failed: ${text}`);
}
