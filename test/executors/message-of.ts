// Message of: what an attempt is refused with, as code and text, for claims about errors.

import { isVitrineError } from "../../runtime/errors.js";

/** Errors that are not Vitrine's are thrown on. */
export async function messageOf(attempt: () => Promise<unknown>): Promise<string> {
  try {
    await attempt();
  } catch (error) {
    if (isVitrineError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "no error";
}
