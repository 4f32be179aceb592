// Stopping: what is said when a run ends before its end, and what a person can do then.

import { join } from "node:path";
import type { Cursor } from "../runtime/batch-source.js";
import { isVitrineError, VitrineError } from "../runtime/errors.js";
import { LAST } from "./checkpoint/save.js";
import { INTERRUPTED } from "./interruption.js";

/** A number that no further step can mend. */
export function notFinite(what: string, { epoch, batch }: Cursor): VitrineError {
  return new VitrineError(
    "training/not-finite",
    `${what} at batch ${batch} of epoch ${epoch} (both counted from 0): RUN/${LAST} holds the weights of the last ` +
      "checkpoint; try a lower --lr, or --clip-grad 1",
    { details: { epoch, batch } },
  );
}

/** The same error, and where the run can go on from. */
export function withCheckpoint(
  error: unknown,
  { checkpoint, state }: { checkpoint: { folder: string }; state: { step: number } },
): unknown {
  if (!isVitrineError(error)) return error;
  const where = `${join(checkpoint.folder, LAST)} holds step ${state.step}; go on with --resume`;
  const text = error.code === INTERRUPTED ? `stopped: ${where}` : `${error.message} (${where})`;
  return new VitrineError(error.code, text, { details: error.details, cause: error });
}
