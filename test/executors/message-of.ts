// Message of: the code and text of the error that an attempt fails with, for claims about errors.

import { isVitrineError } from "../../runtime/errors.js";

/** Errors that are not Vitrine's are rethrown. */
export async function messageOf(attempt: () => Promise<unknown>): Promise<string> {
  try {
    await attempt();
  } catch (error) {
    if (isVitrineError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "no error";
}
