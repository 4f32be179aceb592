// Cursor arithmetic: which batch comes after which, and which samples stand in it.

import { VitrineError } from "../errors.js";
import type { Cursor } from "./batch-source.js";

/** The batch after this one; the last of an epoch is followed by the first of the next. */
export function nextCursor({ epoch, batch }: Cursor, batchesPerEpoch: number): Cursor {
  return batch + 1 < batchesPerEpoch ? { epoch, batch: batch + 1 } : { epoch: epoch + 1, batch: 0 };
}

/** The end of an epoch is the start of the next. Throws `data/bad-cursor`. */
export function checkCursor({ epoch, batch }: Cursor, batchesPerEpoch: number): Cursor {
  const whole = (value: number): boolean => Number.isInteger(value) && value >= 0;
  if (!whole(epoch) || !whole(batch) || batch > batchesPerEpoch)
    throw new VitrineError(
      "data/bad-cursor",
      `cursor is epoch ${epoch}, batch ${batch}; allowed: epochs from 0, batches 0 to ${batchesPerEpoch}`,
      { details: { epoch, batch, batchesPerEpoch } },
    );
  return batch === batchesPerEpoch ? { epoch: epoch + 1, batch: 0 } : { epoch, batch };
}
