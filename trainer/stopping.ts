// Stopping: what is said when a run ends before its end, and what a person can do then.

import { join } from "node:path";
import type { Cursor } from "../runtime/batches/batch-source.js";
import { isVitrineError, VitrineError } from "../runtime/errors.js";
import { LAST } from "./checkpoint/save.js";
import { INTERRUPTED } from "./interruption.js";

const NOT_FINITE = "training/not-finite";

/** A number that no further step can mend, and that a resumed run would meet again. */
export function notFinite(what: string, { epoch, batch }: Cursor): VitrineError {
  return new VitrineError(
    NOT_FINITE,
    `${what} at batch ${batch} of epoch ${epoch} (both counted from 0): begin a new run with a lower --lr, or with ` +
      "--clip-grad 1",
    { details: { epoch, batch } },
  );
}

/** The same error, and what RUN/last is good for now. */
export function withCheckpoint(error: unknown, folder: string, step: number): unknown {
  if (!isVitrineError(error)) return error;
  const last = join(folder, LAST);
  const hint =
    error.code === NOT_FINITE
      ? `--init ${last} starts from the weights of step ${step}`
      : `${last} holds step ${step}; go on with --resume`;
  const text = error.code === INTERRUPTED ? `stopped: ${hint}` : `${error.message} (${hint})`;
  return new VitrineError(error.code, text, { details: error.details, cause: error });
}
