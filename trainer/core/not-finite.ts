// Not finite: what ends a run whose loss or gradient has become NaN or infinite.

import type { Cursor } from "../../runtime/batches/batch-source.js";
import { VitrineError } from "../../runtime/errors.js";

export const NOT_FINITE = "training/not-finite";

/** A loss or gradient that no further step can repair, and that a resumed run would produce again. */
export function notFinite(what: string, { epoch, batch }: Cursor): VitrineError {
  return new VitrineError(
    NOT_FINITE,
    `${what} at batch ${batch} of epoch ${epoch} (both counted from 0): start a new run with a lower --lr, or with ` +
      "--clip-grad 1",
    { details: { epoch, batch } },
  );
}
