// Advice: errors about a picture end with the option of the library that helps. A command replaces it by its own flag,
// and drops what its user cannot set.

import { isVitrineError, VitrineError } from "../errors.js";
import { PARTIAL } from "./failure.js";

/** What helps the caller's user, as a clause; absent where nothing does. */
export interface Advice {
  /** A picture has too many pixels: "--max-pixels allows more". */
  pixelLimit?: string;
  /** A file is damaged: "--partial keeps the intact rows". */
  partial?: string;
}

/** The library's clauses, and the key of what replaces each. */
const CLAUSES: readonly [clause: string, key: keyof Advice | undefined][] = [
  [" (option pixelLimit)", "pixelLimit"],
  [` (${PARTIAL})`, "partial"],
  [" (option memoryLimitMiB)", undefined],
];

/** The text with the caller's advice in place of the library's. */
function adviseText(message: string, advice: Advice): string {
  let text = message;
  for (const [clause, key] of CLAUSES) {
    const own = key && advice[key];
    text = text.replace(clause, own === undefined ? "" : ` (${own})`);
  }
  return text;
}

/** The error with the caller's advice; any other error unchanged. */
export function withAdvice(error: unknown, advice: Advice): unknown {
  if (!isVitrineError(error)) return error;
  const { code, message, details } = error;
  const text = adviseText(message, advice);
  return text === message ? error : new VitrineError(code, text, { details, cause: error });
}
