// The error of a promise that must reject with one of ours.

import * as assert from "uvu/assert";
import { isVitrineError, type VitrineError } from "../../runtime/errors.js";

export async function errorOf(promise: Promise<unknown>): Promise<VitrineError> {
  const outcome = await promise.then(
    () => null,
    (error) => error,
  );
  assert.ok(isVitrineError(outcome), `not a typed error: ${outcome}`);
  return outcome;
}
