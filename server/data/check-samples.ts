// Check of samples: reads the header of every sample, or decodes it whole, in the threads of a pool, and says what is wrong
// with which.

import { fromErrorRecord, type VitrineError } from "../../runtime/errors.js";
import type { DecodePool } from "./decode-task.js";
import type { LocatedSamples } from "./sample-location.js";

/** Samples of a task: enough headers that passing them to a thread costs little; a whole picture may take a second. */
const HEADERS_PER_TASK = 32;
const PICTURES_PER_TASK = 4;
/** Tasks at once, which bounds the memory of a data set of any size. */
const TASKS_AT_ONCE = 8;

export interface SampleCheck {
  /** Decode every picture; else read its header. */
  whole: boolean;
  pixelLimit?: number | undefined;
  /** False from the moment on at which no further task is to begin. */
  goesOn(): boolean;
  onFault(index: number, error: VitrineError): void;
  /** Called with the number of samples that are done. */
  onChecked?(samples: number): void;
}

/** Number of samples that were checked. Their faults come in no order. */
export async function checkSamples(
  pool: DecodePool,
  { count, at }: LocatedSamples,
  { whole, pixelLimit, goesOn, onFault, onChecked }: SampleCheck,
): Promise<number> {
  const none = pool.allocate(4);
  // A task that has begun is short: an interruption waits for it.
  const never = new AbortController().signal;
  let next = 0;
  let checked = 0;
  const work = async (): Promise<void> => {
    while (next < count && goesOn()) {
      const first = next;
      next = Math.min(first + (whole ? PICTURES_PER_TASK : HEADERS_PER_TASK), count);
      const locations = Array.from({ length: next - first }, (_, i) => at(first + i));
      const outcome = await pool.run({ kind: "headers", locations, whole, pixelLimit }, none, never);
      checked += locations.length;
      outcome.forEach((fault, i) => {
        if (fault) onFault(first + i, fromErrorRecord(fault.error));
      });
      onChecked?.(checked);
    }
  };
  await Promise.all(Array.from({ length: TASKS_AT_ONCE }, work));
  return checked;
}
