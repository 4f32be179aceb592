// Device recovery: a run whose GPU is lost continues from its last checkpoint on a new device, as with --resume.

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeviceLost, isVitrineError, quote } from "../runtime/errors.js";
import { hasCheckpoint, loadState } from "./checkpoint/load.js";
import { LAST } from "./checkpoint/run-folders.js";
import { train } from "./core/loop.js";
import type { FolderRun } from "./folder-record.js";
import { type PrepareOptions, prepareRun } from "./prepare.js";
import { withCheckpoint } from "./stopping.js";

/** Devices that a run may lose without a later checkpoint in between. */
const MOST_LOSSES = 3;
/** A driver that restarts after a fault offers no adapter for a moment. */
const PAUSE_MS = 1000;

/** The device of the run that failed, if it got that far. */
interface Attempt {
  device: string | null;
}

async function attempt(options: PrepareOptions, seen: Attempt): Promise<FolderRun> {
  const { run, close } = await prepareRun(options);
  try {
    seen.device = run.state.device;
    await train(run);
    return run;
  } finally {
    await close();
  }
}

/** The step of RUN/last; null before the first checkpoint. */
async function checkpointStep(out: string): Promise<number | null> {
  return (await hasCheckpoint(out)) ? (await loadState(out)).step : null;
}

/** After a loss, a new device may be unavailable for a while. */
function isDeviceGone(error: unknown): boolean {
  return isVitrineError(error) && error.code === "device/unavailable";
}

/**
 * Prepares a run and trains it to its end. Lost devices are replaced, at most three times without a new checkpoint in
 * between; every other failure, and a loss beyond that, is thrown with the run closed.
 */
export async function trainToEnd(options: PrepareOptions, pauseMs = PAUSE_MS): Promise<FolderRun> {
  const { progress, interruption } = options;
  const seen: Attempt = { device: options.request.device };
  let request = options.request;
  let losses = 0;
  let before: number | null = null;
  for (;;) {
    try {
      return await attempt({ ...options, request }, seen);
    } catch (error) {
      const { out } = request;
      const isLoss = isDeviceLost(error) || (losses > 0 && isDeviceGone(error));
      if (!isLoss || interruption.aborted) throw error;
      const step = await checkpointStep(out);
      losses = step !== before ? 1 : losses + 1;
      before = step;
      if (losses > MOST_LOSSES)
        throw isDeviceLost(error) ? error : withCheckpoint(error, { folder: out, step: step ?? 0 });
      const where =
        step === null ? "restarting" : `continuing from step ${step} in ${quote(join(out, LAST))}`;
      progress.say((error as Error).message);
      progress.say(`${where} on a new device, attempt ${losses} of ${MOST_LOSSES}`);
      request = { ...request, resume: step !== null, device: seen.device };
      await sleep(pauseMs);
    }
  }
}
