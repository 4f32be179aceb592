// Batch stream: batches from a cursor on, made ahead of their reader into a fixed number of leased buffers.

import type { Cursor } from "../../runtime/batches/batch-source.js";
import { checkCursor, nextCursor } from "../../runtime/batches/cursor.js";
import type { BatchMaker, MadeBatch } from "./batch-maker.js";
import type { DecodePool } from "./decode-task.js";
import { ReadAhead } from "./read-ahead.js";

/** One being read or sent, and two in the making, so that workers never wait for the end of a batch. */
const SLOTS = 3;

/** Endless. `admit` is awaited before each batch is begun. Throws `data/bad-cursor`. */
export function openBatchStream(
  pool: DecodePool,
  maker: BatchMaker,
  from: Cursor,
  admit?: () => Promise<void>,
): ReadAhead<MadeBatch> {
  let cursor = checkCursor(from, maker.batchesPerEpoch);
  return new ReadAhead<MadeBatch>({
    slots: SLOTS,
    allocate: () => pool.allocate(maker.pixelBytes),
    make(buffer, signal) {
      const batch = maker.make(cursor, buffer, signal);
      cursor = nextCursor(cursor, maker.batchesPerEpoch);
      return batch;
    },
    admit,
  });
}
