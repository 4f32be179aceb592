// Stopping: how a run ends before its last step, by a signal or by an error, and what its user can do then.

import { join } from "node:path";
import { isVitrineError, quote, VitrineError } from "../runtime/errors.js";
import { LAST } from "./checkpoint/run-folders.js";
import { INTERRUPTED } from "./core/interruption.js";
import { NOT_FINITE } from "./core/not-finite.js";

/** Node's text of a failed call: `ENOSPC: no space left on device, write`. */
const SYSTEM_TEXT = /^[A-Z]\w*: ([^,]+)/;

/**
 * An error of the operating system while RUN was written, such as a full disk, as `file/unwritable`; any other error as
 * it is.
 */
export function inWriting(error: unknown, folder: string): unknown {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (isVitrineError(error) || typeof syscall !== "string" || typeof code !== "string") return error;
  const reason = SYSTEM_TEXT.exec(message)?.[1] ?? message;
  const text = `${quote(folder)}: the run cannot be written: ${quote(reason)} (${code})`;
  return new VitrineError("file/unwritable", text, { details: { folder, code }, cause: error });
}

/** Where a run that stopped can continue. */
export interface SavedRun {
  /** RUN. */
  folder: string;
  /** The step that RUN/last holds. */
  step: number;
  /** Whether the validation after it is still to be done. Default false. */
  isOwed?: boolean;
}

/** Codes of a file that cannot be read or decoded. */
const FILE_FAULT = /^(jpeg|png|webp|file|image)\//;

/** A repaired file makes another data set: the run would refuse to continue with it. */
const BAD_TRAINING_FILE =
  "restart the data server with --bad-samples skip, then continue with --resume; after repairing or removing the file " +
  "continue with --resume --accept-data";

function howToContinue(code: string, isOwed: boolean): string {
  if (code === "file/unwritable") return "free space or repair the disk, then continue with --resume";
  if (!FILE_FAULT.test(code))
    return `continue with --resume${isOwed ? ", which begins with its validation" : ""}`;
  if (!isOwed) return BAD_TRAINING_FILE;
  return (
    "--resume repeats the validation, once the file is repaired or removed, or with --bad-samples skip, which leaves " +
    "it out"
  );
}

/** The same error, with how to continue from RUN/last. */
export function withCheckpoint(error: unknown, { folder, step, isOwed = false }: SavedRun): unknown {
  if (!isVitrineError(error)) return error;
  const last = quote(join(folder, LAST));
  const hint =
    error.code === NOT_FINITE
      ? `--init ${last} starts from the weights of step ${step}`
      : `${last} holds step ${step}; ${howToContinue(error.code, isOwed)}`;
  const text = error.code === INTERRUPTED ? `stopped: ${hint}` : `${error.message} (${hint})`;
  return new VitrineError(error.code, text, { details: error.details, cause: error });
}
