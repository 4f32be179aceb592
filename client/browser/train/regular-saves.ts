// Regular saves: a run in a page is saved every few seconds while it trains, however long its steps are.

import type { RunControl } from "../../../trainer/core/run-control.js";

/** What a page that dies loses of a run, above the step in progress; a checkpoint of DeiT-Tiny takes a third of a second. */
export const SAVE_INTERVAL_MS = 10_000;

/**
 * Asks `control` for a save every `intervalMs` until the returned function is called. It is done after the step in
 * progress; while one waits, no other is asked for.
 */
export function saveRegularly(control: Pick<RunControl, "save">, intervalMs = SAVE_INTERVAL_MS): () => void {
  let waits = false;
  const timer = setInterval(() => {
    if (waits) return;
    waits = true;
    const done = () => {
      waits = false;
    };
    // A save that fails ends the run with its error.
    control.save().then(done, done);
  }, intervalMs);
  return () => clearInterval(timer);
}
