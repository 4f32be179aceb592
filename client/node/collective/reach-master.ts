// Reaching rank 0: it may start later than the others, or start again, and is waited for a limited time.

import { setTimeout as delay } from "node:timers/promises";
import { VitrineError } from "../../../runtime/errors.js";
import { isAway, type MasterLine } from "./master-line.js";

/** Waits between two tries to reach another rank, each longer than the one before. */
const FIRST_MS = 50;
const LONGEST_MS = 1_000;
const GROWTH = 1.6;

export function* retryWaits(): Generator<number, never> {
  for (let wait = FIRST_MS; ; wait = Math.min(LONGEST_MS, wait * GROWTH)) yield wait;
}

export interface ReachOptions {
  master: string;
  waitMs: number;
  say(line: string): void;
}

/** Rejects with what `open` throws, with `collective/timeout` where rank 0 stays away, and with the signal's reason. */
export async function reachMaster(
  open: () => Promise<MasterLine>,
  { master, waitMs, say }: ReachOptions,
  signal: AbortSignal,
): Promise<MasterLine> {
  const start = performance.now();
  let isFirst = true;
  for (const wait of retryWaits()) {
    signal.throwIfAborted();
    try {
      return await open();
    } catch (error) {
      if (!isAway(error)) throw error;
      const leftMs = start + waitMs - performance.now();
      const seconds = waitMs / 1000;
      if (leftMs <= 0)
        throw new VitrineError(
          "collective/timeout",
          `rank 0 did not answer at ${master} for ${seconds} s (${error.message})`,
          { details: { server: master, seconds }, cause: error },
        );
      if (isFirst) say(`waiting for rank 0 at ${master} (${error.message}), up to ${seconds} s`);
      isFirst = false;
      // The signal's reason is thrown above.
      await delay(Math.min(wait, Math.ceil(leftMs)), undefined, { signal }).catch(() => {});
    }
  }
  throw signal.reason;
}
