// Reading policy: what is done with files that cannot be read.

import { isVitrineError, type VitrineError } from "../errors.js";

/** What to do with a file that cannot be decoded; docs/data-service.md. */
export type BadSamples = "fail" | "skip" | "partial";

/** Errors that are the file's fault; any other is a fault of the program or the network, which no policy hides. */
const FILE_FAULT =
  /^(?:jpeg|file)\/|^data\/file-changed$|^image\/(?:trap|out-of-memory|corrupt|truncated|unsupported|unknown-format|too-large)$/;

/** Whether an error says that a file cannot be read or decoded. */
export function isFileFault(error: unknown): error is VitrineError {
  return isVitrineError(error) && FILE_FAULT.test(error.code);
}

/** How the files of a data set are read. */
export interface ReadingPolicy {
  /**
   * `fail`: a bad file is an error. `skip`: it keeps its place with weight 0 and zero pixels, or is left out of a
   * validation. `partial`: of a damaged file the rows that it still has are used; one without any is skipped.
   */
  badSamples: BadSamples;
  /** Largest number of pixels that a picture's header may claim. Default 178,956,970. */
  pixelLimit?: number | undefined;
  /** Called for each bad file that was skipped. */
  onSkipped?: (error: VitrineError) => void;
  /** Called for each damaged file that was used in part. */
  onKept?: (error: VitrineError) => void;
}
