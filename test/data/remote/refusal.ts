// Refusal: what a promise rejects with.

import { isVitrineError } from "../../../runtime/errors.js";

/** Code and message of the typed error; the code "none" where nothing was refused. Rethrows any other error. */
export async function refusal(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await promise;
  } catch (error) {
    if (isVitrineError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  return { code: "none", message: "" };
}
